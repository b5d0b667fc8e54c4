import { HubFailure, HubRefused, HubUnreachable, type Problem } from "./failure.js";
import { chooseDelayMs, readRetryAfterMs, type RetryPolicy, sleep } from "./retry.js";

/** One request to the hub. */
export interface HubRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** JSON text; the same at every attempt, since the hub compares it under one Idempotency-Key. */
  readonly body?: string;
  readonly idempotencyKey?: string;
  /** The credential, where it is not the service's key. */
  readonly bearer?: string;
  /** A status besides 2xx whose body is a result and not a problem. */
  readonly alsoAccepts?: number;
}

/** How long a request may take. */
export interface Timing {
  /** One attempt, from its start to the last byte of the response. */
  readonly timeoutMs: number;
  /** All attempts and the waits between them. */
  readonly deadlineMs: number;
  readonly retry: RetryPolicy;
}

/** Sends requests to one hub. Every operation of the hub is safe to repeat, so every one is repeated. */
export class Exchange {
  readonly #url: string;
  readonly #key: string;
  readonly #fetch: typeof fetch;

  /** @throws TypeError when the address or the key is not valid; the text holds neither. */
  constructor(url: string, key: string, fetcher: typeof fetch) {
    const address = URL.canParse(url) ? new URL(url) : undefined;
    if (!address || !/^https?:$/.test(address.protocol) || address.username || address.search || address.hash) {
      throw new TypeError("url: is not the address of a hub (example: https://hub.example.com)");
    }
    // The error of fetch would quote a header that is not valid, with the key.
    // A variable of the environment that is missing is undefined, whatever the types say.
    if (typeof key !== "string" || !/^[!-~]+$/.test(key))
      throw new TypeError("key: is not a service key (example: hubk_...)");
    this.#url = address.href.replace(/\/+$/, "");
    this.#key = key;
    this.#fetch = fetcher;
  }

  /**
   * Send, and repeat what may succeed later; return the decoded response.
   *
   * @throws HubRefused when the hub refused; HubUnreachable when there was no response.
   */
  async send(request: HubRequest, timing: Timing, signal?: AbortSignal): Promise<unknown> {
    const endsAt = performance.now() + timing.deadlineMs;
    for (let failures = 1; ; failures++) {
      const leftMs = endsAt - performance.now();
      try {
        return await this.attempt(request, Math.min(timing.timeoutMs, leftMs), signal);
      } catch (error) {
        if (!(error instanceof HubFailure) || !error.retryable || failures >= timing.retry.attempts) throw error;
        const delayMs = chooseDelayMs(timing.retry, failures, error.retryAfterMs);
        if (performance.now() + delayMs >= endsAt) throw error;
        await sleep(delayMs, signal);
        if (signal?.aborted) throw error;
      }
    }
  }

  /**
   * Send once; return the decoded response.
   *
   * @throws HubRefused, HubUnreachable as `send` does; the signal's reason when the caller aborted.
   */
  async attempt(request: HubRequest, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    const headers: Record<string, string> = {
      accept: "application/json, application/problem+json",
      authorization: `Bearer ${request.bearer ?? this.#key}`,
    };
    if (request.body !== undefined) headers["content-type"] = "application/json";
    if (request.idempotencyKey !== undefined && !/^[!-~]([ -~]{0,253}[!-~])?$/.test(request.idempotencyKey)) {
      throw new TypeError("idempotencyKey: is not 1 to 255 printable ASCII characters");
    }
    if (request.idempotencyKey !== undefined) headers["idempotency-key"] = request.idempotencyKey;
    // Not AbortSignal.any: on Node 20 it leaks memory for each attempt as long as the caller's signal exists.
    const control = new AbortController();
    const abort = () => control.abort();
    const timer = setTimeout(abort, Math.max(1, timeoutMs));
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#url + request.path, {
        method: request.method,
        headers,
        body: request.body ?? null,
        // A redirect would send the key to another server.
        redirect: "manual",
        signal: control.signal,
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const why = control.signal.aborted ? `no response within ${Math.round(timeoutMs)} ms` : "no connection";
      throw new HubUnreachable(`The hub cannot be reached: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
    const content = readJson(text);
    const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json");
    if (response.ok || (response.status === request.alsoAccepts && !isProblem)) {
      if (content === undefined) throw new HubUnreachable("The server is not a hub: its response is not JSON");
      return content;
    }
    const retryAfterMs = readRetryAfterMs(response.headers.get("retry-after"), Date.now());
    const problem: Partial<Problem> = typeof content === "object" && content !== null ? content : {};
    throw new HubRefused(response.status, problem, retryAfterMs);
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
