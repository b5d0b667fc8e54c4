/** The ids that were delivered lately: a change of transport or of the leading tab brings duplicates. */

/** More than the reports that a tab holds while it catches up, which may repeat what it fetched. */
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
