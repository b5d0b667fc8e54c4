import { SignJWT } from "jose";
import { readUser } from "../../user";

const TTL_S = 900;

/** Return a token for the hub, as AvAdmin issues them: in production it comes from there. */
export async function GET(): Promise<Response> {
  const secret = process.env.JWT_SECRET;
  if (!secret) return new Response("JWT_SECRET is missing", { status: 503 });
  const { userId, accountId, role } = readUser();
  const exp = Math.floor(Date.now() / 1000) + TTL_S;
  const token = await new SignJWT({ sub: userId, user_id: userId, account_id: accountId, role, exp })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));
  return new Response(token, { headers: { "cache-control": "no-store" } });
}
