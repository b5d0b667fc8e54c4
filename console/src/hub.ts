/** Requests to the hub that serves this page; the key is in a header of each, and nowhere else. */
import type { Problem } from "./wire.js";

/** How long the hub may take to respond. */
export const DEADLINE_MS = 15_000;

/** Why a request got no result: the hub refused it, or did not respond. */
export class HubFailure extends Error {
  /** What the hub said; undefined where it said nothing that can be read. */
  readonly problem: Problem | undefined;
  readonly status: number;
  readonly kind: "refused" | "slow" | "unreachable";

  constructor(kind: "refused" | "slow" | "unreachable", status = 0, problem?: Problem) {
    super(problem?.title ?? kind);
    this.kind = kind;
    this.status = status;
    this.problem = problem;
  }
}

/** The address of a path of the hub: the page is one folder below it, under whatever path a proxy serves both. */
export function hubUrl(path: string, page: string = document.baseURI): string {
  return new URL(`../${path.replace(/^\//, "")}`, page).href;
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  try {
    const body: unknown = await response.json();
    if (typeof body === "object" && body !== null && "code" in body) return body as Problem;
  } catch {
    // A proxy's own page, perhaps.
  }
  return undefined;
}

/** Send a request and return the response once its head is there; a refusal or silence is a `HubFailure`. */
export async function send(key: string, path: string, options: RequestInit = {}): Promise<Response> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline.signal]) : deadline.signal;
  let response: Response;
  try {
    response = await fetch(hubUrl(path), {
      ...options,
      headers: { ...(options.headers as Record<string, string>), authorization: `Bearer ${key}` },
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      // The body of a stream has its own watch; the deadline is for the head.
      signal,
    });
  } catch (error) {
    if (deadline.signal.aborted) throw new HubFailure("slow");
    if (options.signal?.aborted) throw error;
    throw new HubFailure("unreachable");
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new HubFailure("refused", response.status, await readProblem(response));
  return response;
}

async function readJson<Result>(response: Response): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HubFailure("slow")), DEADLINE_MS);
  });
  try {
    return (await Promise.race([response.json(), late])) as Result;
  } catch (error) {
    throw error instanceof HubFailure ? error : new HubFailure("unreachable", response.status);
  } finally {
    clearTimeout(timer);
  }
}

export async function get<Result>(key: string, path: string): Promise<Result> {
  return readJson<Result>(await send(key, path));
}

export async function post<Result>(key: string, path: string, body: string, idempotencyKey?: string): Promise<Result> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (idempotencyKey !== undefined) headers["idempotency-key"] = idempotencyKey;
  return readJson<Result>(await send(key, path, { method: "POST", body, headers }));
}
