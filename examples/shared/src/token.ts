import { UnauthorizedError } from "@notification-hub/client";

/** Return a fresh token from the page's own server; throws `UnauthorizedError` where the server knows no such user. */
export async function fetchToken(path: string): Promise<string> {
  const response = await fetch(path);
  if (response.status === 401) throw new UnauthorizedError();
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return response.text();
}
