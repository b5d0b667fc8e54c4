import { describe, expect, test } from "vitest";
import { chooseDelayMs, readRetryAfterMs } from "../src/retry.js";

const POLICY = { attempts: 5, baseMs: 100, capMs: 1000 };

describe("chooseDelayMs", () => {
  test("spreads over all of a window that doubles up to the cap", () => {
    const widest = [1, 2, 3, 4, 5, 50].map((failures) => chooseDelayMs(POLICY, failures, undefined, () => 1));
    expect(widest).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(chooseDelayMs(POLICY, 3, undefined, () => 0)).toBe(50);
  });

  test("waits at least as long as the hub asked for, and spreads on top of it", () => {
    expect(chooseDelayMs(POLICY, 1, 2000, () => 0)).toBe(2050);
    expect(chooseDelayMs(POLICY, 1, 2000, () => 0.9)).toBe(2090);
  });

  test.each([0, -1, Number.NaN, 1e12, Infinity, -Infinity, undefined])(
    "of a Retry-After of %j ms it makes a wait that a timer holds",
    (asked) => {
      for (const failures of [1, 10, 10_000]) {
        const waitMs = chooseDelayMs(POLICY, failures, asked, () => 0);
        expect([waitMs >= 50, waitMs <= 300_050]).toEqual([true, true]);
      }
    },
  );

  test.each([
    { attempts: 9, baseMs: 0, capMs: 1000 },
    { attempts: 9, baseMs: -5, capMs: 1000 },
    { attempts: 9, baseMs: Number.NaN, capMs: 1000 },
    { attempts: 9, baseMs: 100, capMs: 0 },
    { attempts: 9, baseMs: Infinity, capMs: Infinity },
  ])("a policy of %j neither hurries nor stops for ever", (policy) => {
    for (const failures of [1, 10, 10_000]) {
      const waitMs = chooseDelayMs(policy, failures, undefined, () => 1);
      expect([waitMs >= 50, waitMs <= 300_000]).toEqual([true, true]);
    }
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
