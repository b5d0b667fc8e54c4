/** Parses server-sent events from text that arrives in any slices (WHATWG HTML, section 9.2.6). */

/** One event, dispatched or not: an `id` counts even where there is no data. */
export interface StreamEvent {
  data?: string;
  id?: string;
  retryMs?: number;
}

/** Return a function that takes text as it arrives and calls `hand` with each event that is complete. */
export function createEventParser(hand: (event: StreamEvent) => void): (text: string) => void {
  let rest = "";
  let event: StreamEvent = {};
  return (text) => {
    // A carriage return at the end may be half of a line break; it waits for the next text.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line) {
        hand(event);
        event = {};
        continue;
      }
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
      else if (field === "id") event.id = value;
      else if (field === "retry") event.retryMs = Number(value);
    }
  };
}
