/** The page's handlers, by type of event. */

export type Handler = (event: never) => void;

/** For handlers of every type, and of those types for which there is no handler by name. */
export const ANY = Symbol();
export const UNKNOWN = Symbol();

export interface Handlers {
  /** Call `handler` for each event of this type; returns what ends that. */
  add(type: string | symbol, handler: Handler): () => void;
  /** Call all handlers of this type; an error of one does not stop the others. Say whether one took it without an error. */
  emit(type: string, event: unknown): boolean;
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
      let taken = false;
      const entries = [...all];
      const rest = entries.some((entry) => entry.type === type) ? type : UNKNOWN;
      for (const entry of entries) {
        if (entry.type !== type && (type === "gap" || (entry.type !== ANY && entry.type !== rest))) continue;
        attempt(() => {
          entry.handler(event as never);
          taken = true;
        });
      }
      return taken;
    },
  };
}

/** Call a function of the page; report what it throws as an uncaught error of the page, and go on. */
export function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    // Node and React Native have no `reportError`.
    if (typeof reportError === "function") reportError(error);
    else console.error(error);
  }
}
