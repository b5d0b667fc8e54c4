/** What the client says on the console: why it was refused, once; with `debug`, everything. Never a token. */

export interface Console {
  /** Say it once, however often it happens. */
  warn(text: string): void;
  debug(text: string): void;
}

/** Return the console's voice. */
export function createNotes(debug: boolean): Console {
  const said = new Set<string>();
  return {
    warn: (text) => {
      if (said.has(text)) return;
      said.add(text);
      console.warn(`notification hub: ${text}`);
    },
    debug: (text) => {
      if (debug) console.debug(`notification hub: ${text}`);
    },
  };
}
