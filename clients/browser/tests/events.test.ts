import { describe, expect, test } from "vitest";
import { createEventParser, type StreamEvent } from "../src/events.js";

function parse(...slices: string[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const feed = createEventParser((event) => events.push(event));
  slices.forEach(feed);
  return events;
}

describe("event parser", () => {
  test("an event has its data, its id, and several data lines as one text", () => {
    expect(parse("id: k-1\ndata: a\ndata:b\n\n")).toEqual([{ data: "a\nb", id: "k-1", retryMs: undefined }]);
  });

  test("a heartbeat is not dispatched as an event but moves the id", () => {
    expect(parse(": hb\r\nid: k-2\r\n\r\n")).toEqual([{ data: undefined, id: "k-2", retryMs: undefined }]);
  });

  test("what is known of a wait is a number of milliseconds", () => {
    expect(parse("retry: 3000\n\n")[0]?.retryMs).toBe(3000);
  });

  test("an event that has not ended is not handed over", () => {
    expect(parse("data: half\n")).toEqual([]);
  });

  test.each(["\n", "\r\n", "\r"])("however a stream is sliced, its events are the same (line end %j)", (end) => {
    const text = [
      ": ...",
      "retry: 3000",
      "",
      "id: k-1",
      'data: {"title":"çã"}',
      "",
      ": hb",
      "id: k-2",
      "",
      "data: x",
      "",
      "",
    ].join(end);
    // A lone CR may be half of a CRLF, so its event is only certain with the next byte.
    const whole = parse(`${text}:`);
    expect(whole.map((event) => event.data ?? event.id)).toEqual([undefined, '{"title":"çã"}', "k-2", "x"]);
    for (let first = 0; first <= text.length; first++) {
      for (let second = first; second <= text.length; second += 7) {
        expect(parse(text.slice(0, first), text.slice(first, second), `${text.slice(second)}:`)).toEqual(whole);
      }
    }
  });
});
