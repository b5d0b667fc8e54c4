/** Storage that survives a reload, where the browser has it: it may be full, forbidden or absent. */

export type StorageLike = Pick<Storage, "getItem" | "setItem">;

const NO_STORAGE: StorageLike = { getItem: () => null, setItem: () => undefined };

/** Return a storage that never throws; `null` asks for one that keeps nothing. */
export function openStorage(name: "localStorage" | "sessionStorage", given?: StorageLike | null): StorageLike {
  if (given === null) return NO_STORAGE;
  const attempt = <T>(act: (storage: StorageLike) => T): T | null => {
    try {
      return act(given ?? globalThis[name]);
    } catch {
      return null;
    }
  };
  return {
    getItem: (key) => attempt((storage) => storage.getItem(key)),
    setItem: (key, value) => {
      attempt((storage) => storage.setItem(key, value));
    },
  };
}
