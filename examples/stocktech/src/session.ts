import { fetchToken } from "example-shared";

/** The user of the page. A real page has a login here; this one reads its address. */
export type User = "buyer" | "seller";

/** Return the user that the address names, the seller if none. */
export function readUser(): User {
  return new URLSearchParams(location.search).get("user") === "buyer" ? "buyer" : "seller";
}

/** Return a fresh token of a user. */
export function fetchUserToken(user: User): Promise<string> {
  return fetchToken(`/api/token?user=${user}`);
}
