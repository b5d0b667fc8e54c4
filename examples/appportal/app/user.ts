export interface User {
  userId: string;
  accountId: string | null;
  role: string;
  firstName: string;
}

/** Return who is signed in. A real page reads its session here; this one always has the buyer of `hub serve --dev`. */
export function readUser(): User {
  return { userId: "00000000001", accountId: "00000000000101", role: "user", firstName: "Ana" };
}
