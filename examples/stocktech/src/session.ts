import { UnauthorizedError } from "@notification-hub/client";

/** Who looks at the page. A real page has a login here; this one believes its address. */
export type User = "buyer" | "seller";

/** Return the user that the address names, the seller if none. */
export function readUser(): User {
  return new URLSearchParams(location.search).get("user") === "buyer" ? "buyer" : "seller";
}

/** Return a fresh token; throws `UnauthorizedError` where the service knows no such user. */
export async function fetchToken(user: User): Promise<string> {
  const response = await fetch(`/api/token?user=${user}`);
  if (response.status === 401) throw new UnauthorizedError();
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return response.text();
}
