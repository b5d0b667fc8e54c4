export interface User {
  userId: string;
  accountId: string | null;
  role: string;
}

/** Return who is signed in. A real page reads its session here; this one always has the support user of `hub serve --dev`. */
export function readUser(): User {
  return { userId: "00000000007", accountId: null, role: "super_admin" };
}

/** Whom a test notification may go to. */
export const RECIPIENTS = {
  support: { userId: "00000000007", label: "Gabi · suporte (eu)" },
  buyer: { userId: "00000000001", label: "Ana · compradora" },
  seller: { userId: "00000000002", label: "Bruno · vendedor" },
} as const;
