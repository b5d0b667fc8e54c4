import { expect, test } from "vitest";
import { backoffMs } from "../src/backoff.js";

test("the wait is anywhere between its floor and a ceiling that doubles up to 20 s", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => backoffMs(attempt, () => 1));
  expect(ceilings).toEqual([1000, 1500, 2500, 4500, 8500, 16_500, 20_500, 20_500]);
  expect(backoffMs(1000, () => 0)).toBe(500);
});

test("two clients that fell together do not return together", () => {
  expect(new Set(Array.from({ length: 100 }, () => backoffMs(5))).size).toBeGreaterThan(90);
});
