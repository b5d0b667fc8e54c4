import { expect, test } from "vitest";
import { backoffMs, boundMs, evictedMs, pageMs } from "../src/backoff.js";

test("the wait is anywhere between its floor and a ceiling that doubles up to 20 s", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => backoffMs(attempt, () => 1));
  expect(ceilings).toEqual([1000, 1500, 2500, 4500, 8500, 16_500, 20_500, 20_500]);
  expect(backoffMs(1000, () => 0)).toBe(500);
});

test("two clients that fell together do not return together", () => {
  expect(new Set(Array.from({ length: 100 }, () => backoffMs(5))).size).toBeGreaterThan(90);
});

test.each([
  [5, 5],
  [0, 0],
  [-1, 0],
  [Number.NaN, 0],
  [Infinity, 3_600_000],
  [1e12, 3_600_000],
  ["700", 700],
  ["soon", 0],
  [undefined, 0],
  [null, 0],
  [{}, 0],
])("a duration of %j that somebody else names is %i ms", (ms, expected) => {
  expect(boundMs(ms)).toBe(expected);
});

test("no wait is ever longer than a timer holds, nor shorter than its floor", () => {
  for (let count = 1; count < 3_000; count++) {
    expect([evictedMs(count), backoffMs(count), pageMs(count)].every((ms) => ms >= 30 && ms <= 3_600_000)).toBe(true);
  }
});
