/** What the client writes to the console: why it was refused, once; with `debug`, everything. Never a token. */

export interface Logger {
  /** Write it once, however often it happens. */
  warn(text: string): void;
  debug(text: string): void;
}

/** Return a logger to the console; `debug` says whether it writes more than warnings. */
export function createLogger(debug: boolean): Logger {
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
