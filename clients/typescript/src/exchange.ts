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
  /** A status besides 2xx whose body is an answer. */
  readonly alsoAnswers?: number;
}

/** How long a request may take. */
export interface Patience {
  /** One attempt, from its start to the last byte of the answer. */
  readonly timeoutMs: number;
  /** All attempts and the waits between them. */
  readonly deadlineMs: number;
  readonly retry: RetryPolicy;
}

/** Sends requests to one hub. Every operation of the hub may be repeated, so every one is. */
export class Exchange {
  readonly #url: string;
  readonly #key: string;
  readonly #fetch: typeof fetch;

  /** @throws TypeError when the address or the key cannot be used; neither stands in the text. */
  constructor(url: string, key: string, fetcher: typeof fetch) {
    const address = URL.canParse(url) ? new URL(url) : undefined;
    if (!address || !/^https?:$/.test(address.protocol) || address.username || address.search || address.hash) {
      throw new TypeError("url: is not the address of a hub (example: https://hub.example.com)");
    }
    // A header that cannot be sent would be quoted, key and all, in the error of fetch.
    // A variable of the environment that is missing is undefined, whatever the types say.
    if (typeof key !== "string" || !/^[!-~]+$/.test(key))
      throw new TypeError("key: is not a service key (example: hubk_...)");
    this.#url = address.href.replace(/\/+$/, "");
    this.#key = key;
    this.#fetch = fetcher;
  }

  /**
   * Send, repeating what may succeed later; return the decoded answer.
   *
   * @throws HubRefused when the hub said no, or not in time; HubUnreachable when it said nothing.
   */
  async send(request: HubRequest, patience: Patience, signal?: AbortSignal): Promise<unknown> {
    const endsAt = performance.now() + patience.deadlineMs;
    for (let failures = 1; ; failures++) {
      const leftMs = endsAt - performance.now();
      try {
        return await this.attempt(request, Math.min(patience.timeoutMs, leftMs), signal);
      } catch (error) {
        if (!(error instanceof HubFailure) || !error.retryable || failures >= patience.retry.attempts) throw error;
        const delayMs = chooseDelayMs(patience.retry, failures, error.retryAfterMs);
        if (performance.now() + delayMs >= endsAt) throw error;
        await sleep(delayMs, signal);
        if (signal?.aborted) throw error;
      }
    }
  }

  /**
   * Send once; return the decoded answer.
   *
   * @throws HubRefused, HubUnreachable as `send` does; the signal's own reason when the caller aborted.
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
    // Not AbortSignal.any: on Node 20 it keeps a trace of each attempt as long as the caller's signal lives.
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
        // The key would go wherever a redirect points.
        redirect: "manual",
        signal: control.signal,
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const why = control.signal.aborted ? `no answer within ${Math.round(timeoutMs)} ms` : "no connection";
      throw new HubUnreachable(`The hub cannot be reached: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
    const answer = readJson(text);
    const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json");
    if (response.ok || (response.status === request.alsoAnswers && !isProblem)) {
      if (answer === undefined) throw new HubUnreachable("What answered is not a hub: its answer is no JSON");
      return answer;
    }
    const retryAfterMs = readRetryAfterMs(response.headers.get("retry-after"), Date.now());
    const problem: Partial<Problem> = typeof answer === "object" && answer !== null ? answer : {};
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
