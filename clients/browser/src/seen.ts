/** The ids that were handed over lately: the seams between transports and tabs bring some twice. */

/** More than a tab holds back while it catches up: what it held is compared with what it fetched meanwhile. */
const CAPACITY = 2_048;

/** Return a function that says whether an id is new, and remembers it; the last 2,048 are known. */
export function createSeen(): (id: string) => boolean {
  const ids = new Set<string>();
  return (id) => {
    if (ids.has(id)) return false;
    ids.add(id);
    if (ids.size > CAPACITY) ids.delete(ids.values().next().value!);
    return true;
  };
}
