/** Reads server-sent events out of a response body (WHATWG HTML section 9.2.6): of each event its `data`. */

/** One event may have so many characters; the hub's have a hundred thousand at most. */
const MAX_EVENT_CHARS = 4_000_000;

export interface EventReader {
  /** Take a part of the body; return the data of every event that it completes. */
  read(part: Uint8Array): string[];
}

export function createEventReader(maxChars = MAX_EVENT_CHARS): EventReader {
  const decoder = new TextDecoder();
  let rest = "";
  let data: string[] = [];
  let dataChars = 0;

  function takeLine(line: string, events: string[]): void {
    if (line === "") {
      if (data.length > 0) events.push(data.join("\n"));
      data = [];
      dataChars = 0;
    } else if (line.startsWith("data:")) {
      const value = line.slice(line[5] === " " ? 6 : 5);
      data.push(value);
      dataChars += value.length;
    }
  }

  return {
    read(part) {
      const events: string[] = [];
      rest += decoder.decode(part, { stream: true });
      // A carriage return at the end may be the first half of a line's end.
      const complete = rest.endsWith("\r") ? rest.length - 1 : rest.length;
      const lines = rest.slice(0, complete).split(/\r\n|\n|\r/);
      rest = lines.pop() + rest.slice(complete);
      for (const line of lines) takeLine(line, events);
      if (rest.length + dataChars > maxChars) throw new Error("an event is too long");
      return events;
    },
  };
}
