/** Requests with a deadline, for the response and its body. */

const DEADLINE_MS = 10_000;

/** A request of the page's own to the hub; `body` is sent as JSON. */
export interface HubRequest {
  method?: string;
  body?: unknown;
}

/** Fetch, and read the response; rejects where the network fails, after 10 s, and when `signal` is aborted. */
export async function fetchInTime<T>(
  url: string,
  init: RequestInit,
  read: (response: Response) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = new AbortController();
  const abort = (): void => deadline.abort();
  const timer = setTimeout(abort, DEADLINE_MS);
  signal?.addEventListener("abort", abort);
  try {
    return await read(await fetch(url, { ...init, cache: "no-store", signal: deadline.signal }));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
