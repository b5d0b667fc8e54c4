/** A short name for the signed-in user that holds no user id: user ids are CPF numbers. */

/** Return what the token says of its user, or undefined where it is not a JWT, such as a ticket. */
function readClaims(token: string): string | undefined {
  try {
    const claims = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))) as Record<
      string,
      unknown
    >;
    const user = claims.sub ?? claims.user_id;
    return user ? `${claims.account_id}/${user}` : undefined;
  } catch {
    return undefined;
  }
}

/** Return a short name for this user at this hub, the same in every tab; undefined where the user is not known. */
export function nameIdentity(base: string, token: string, user: string | undefined): string | undefined {
  const claims = user ?? readClaims(token);
  return claims && digest(`${base} ${claims}`);
}

/** A 53-bit hash (cyrb53): not a secret, only short and without the id in clear text. */
function digest(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
}
