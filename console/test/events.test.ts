import { describe, expect, it } from "vitest";
import { createEventReader } from "../src/events.js";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("event reader", () => {
  it("returns the data of each event and passes over comments and other fields", () => {
    const reader = createEventReader();
    expect(reader.read(bytes(': ...\nretry: 3000\n\ndata: {"a":1}\n\nid: x\ndata:b\ndata: c\n\n'))).toEqual([
      '{"a":1}',
      "b\nc",
    ]);
  });

  it("reads the same events however the bytes are cut", () => {
    const text = "data: ação 😀\r\n\r\ndata: two\r\rdata: three\n\n";
    const whole = bytes(text);
    for (let size = 1; size < whole.length; size += 1) {
      const reader = createEventReader();
      const events: string[] = [];
      for (let start = 0; start < whole.length; start += size)
        events.push(...reader.read(whole.slice(start, start + size)));
      expect(events).toEqual(["ação 😀", "two", "three"]);
    }
  });

  it("keeps no event that does not end", () => {
    const reader = createEventReader(100);
    expect(() => reader.read(bytes(`data: ${"x".repeat(200)}`))).toThrow("too long");
    const lines = createEventReader(100);
    expect(() => lines.read(bytes("data: xxxxxxxxxx\n".repeat(20)))).toThrow("too long");
  });
});
