/** The order of cursors, which the hub's inbox is in. Only for this client, which is released together with the hub. */

/** Return a number above 0 where `a` is a later place of the log than `b`; undefined where they are of different logs. */
export function comparePlaces(a: string, b: string): number | undefined {
  const [epoch, place] = split(a);
  const [otherEpoch, otherPlace] = split(b);
  if (epoch !== otherEpoch) return undefined;
  return place.length - otherPlace.length || (place < otherPlace ? -1 : Number(place > otherPlace));
}

/** Say whether `a` is a later place of the same log than `b`. */
export function isLater(a: string, b: string): boolean {
  return (comparePlaces(a, b) ?? 0) > 0;
}

/** Those of the last cursors: a list is compared again and again. */
const known = new Map<string, [string, string]>();
const MOST_KNOWN = 4_096;

/** Return the log's name, and the place in it: base 36, so that the longer one is the later one. */
function split(cursor: string): [string, string] {
  let parts = known.get(cursor);
  if (!parts) {
    const dash = cursor.lastIndexOf("-");
    parts = [cursor.slice(0, dash), cursor.slice(dash + 1).replace(/^0+/, "")];
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(cursor, parts);
  }
  return parts;
}
