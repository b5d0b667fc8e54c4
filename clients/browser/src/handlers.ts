/** Who wants to hear of what. */

export type Handler = (event: never) => void;

/** For handlers of every type, and of those types that no other handler asked for by name. */
export const ANY = Symbol();
export const UNKNOWN = Symbol();

export interface Handlers {
  /** Call `handler` for each event of this type; returns what ends that. */
  add(type: string | symbol, handler: Handler): () => void;
  /** Call everyone who asked for this type; whatever one of them throws, the others are called. */
  emit(type: string, event: unknown): void;
}

export function createHandlers(): Handlers {
  const all = new Set<{ type: string | symbol; handler: Handler }>();
  return {
    add: (type, handler) => {
      const entry = { type, handler };
      all.add(entry);
      return () => all.delete(entry);
    },
    emit: (type, event) => {
      const entries = [...all];
      const rest = entries.some((entry) => entry.type === type) ? type : UNKNOWN;
      for (const entry of entries) {
        if (entry.type !== type && (type === "gap" || (entry.type !== ANY && entry.type !== rest))) continue;
        attempt(() => entry.handler(event as never));
      }
    },
  };
}

/** Call something of the page's own; what it throws goes to the page's error reporting, and stops nothing. */
export function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    // Node and React Native have none.
    if (typeof reportError === "function") reportError(error);
    else console.error(error);
  }
}
