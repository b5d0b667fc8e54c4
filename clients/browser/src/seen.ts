/** The ids that were handed over lately: the seams between transports and tabs bring some twice. */

const CAPACITY = 512;

/** Return a function that says whether an id is new, and remembers it; the last 512 are known. */
export function createSeen(): (id: string) => boolean {
  const ids = new Set<string>();
  return (id) => {
    if (ids.has(id)) return false;
    ids.add(id);
    if (ids.size > CAPACITY) ids.delete(ids.values().next().value!);
    return true;
  };
}
