/** Who wants to hear of what. */

export type Handler = (event: never) => void;

export interface Handlers {
  /** Call `handler` for each event of this type, or of any type; returns what ends that. */
  add(type: string | undefined, handler: Handler): () => void;
  /** Call everyone who asked for this type; whatever one of them throws, the others are called. */
  emit(type: string, event: unknown): void;
}

export function createHandlers(): Handlers {
  const all = new Set<{ type: string | undefined; handler: Handler }>();
  return {
    add: (type, handler) => {
      const entry = { type, handler };
      all.add(entry);
      return () => all.delete(entry);
    },
    emit: (type, event) => {
      for (const entry of [...all]) {
        if (entry.type !== type && (entry.type !== undefined || type === "gap")) continue;
        try {
          entry.handler(event as never);
        } catch (error) {
          // To the page's own error reporting, without stopping the stream.
          reportError(error);
        }
      }
    },
  };
}
