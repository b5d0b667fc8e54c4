import { describe, expect, test } from "vitest";
import { chooseDelayMs, readRetryAfterMs } from "../src/retry.js";

const POLICY = { attempts: 5, baseMs: 100, capMs: 1000 };

describe("chooseDelayMs", () => {
  test("spreads over all of a window that doubles up to the cap", () => {
    const widest = [1, 2, 3, 4, 5, 50].map((failures) => chooseDelayMs(POLICY, failures, undefined, () => 1));
    expect(widest).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(chooseDelayMs(POLICY, 3, undefined, () => 0)).toBe(0);
  });

  test("waits at least as long as the hub asked for, and spreads on top of it", () => {
    expect(chooseDelayMs(POLICY, 1, 2000, () => 0)).toBe(2000);
    expect(chooseDelayMs(POLICY, 1, 2000, () => 0.5)).toBe(2050);
  });
});

describe("readRetryAfterMs", () => {
  const NOW = Date.parse("2026-11-22T12:00:00Z");

  test.each([
    ["7", 7000],
    ["0", 0],
    ["Sun, 22 Nov 2026 12:00:05 GMT", 5000],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 0],
    ["soon", undefined],
    ["", undefined],
    [null, undefined],
  ])("reads %j", (header, expected) => {
    expect(readRetryAfterMs(header, NOW)).toBe(expected);
  });
});
