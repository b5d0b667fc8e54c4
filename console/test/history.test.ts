import { describe, expect, it } from "vitest";
import {
  addFigures,
  HISTORY_POINTS,
  percentile,
  percentiles,
  type Point,
  rates,
  risen,
  series,
} from "../src/history.js";
import { makeFigures } from "./figures.js";

const BOUNDS = [0.1, 0.2, 0.4];
const at = (second: number) => new Date(1_760_000_000_000 + second * 1_000).toISOString();

function makeHistory(...each: Parameters<typeof makeFigures>[0][]): readonly Point[] {
  return each.reduce<readonly Point[]>(
    (history, changes, index) => addFigures(history, makeFigures({ at: at(index), ...changes })),
    [],
  );
}

describe("history", () => {
  it("keeps the newest points and no more than its bound", () => {
    let history: readonly Point[] = [];
    for (let second = 0; second < HISTORY_POINTS + 5; second += 1)
      history = addFigures(history, makeFigures({ at: at(second) }));
    expect(history.length).toBe(HISTORY_POINTS);
    expect(history.at(-1)?.figures.at).toBe(at(HISTORY_POINTS + 4));
  });

  it("begins anew with a hub that restarted, whose counters are lower", () => {
    const history = makeHistory({ published: { a: 5 } }, { published: { a: 1 } });
    expect(history.length).toBe(1);
  });

  it("makes rates of counters, by the time that passed", () => {
    const history = makeHistory({ published: { a: 5 } }, { at: at(2), published: { a: 25 } });
    expect(rates(history, (each) => each.published["a"] ?? 0).map(({ value }) => value)).toEqual([10]);
  });

  it("draws no line over a break", () => {
    const history = makeHistory({}, { at: at(60), published: { a: 9 } });
    expect(series(history, (each) => each.users).map(({ value }) => value)).toEqual([0, undefined, 0]);
    expect(rates(history, (each) => each.published["a"] ?? 0).map(({ value }) => value)).toEqual([undefined]);
  });

  it("says what rose since its beginning, most first", () => {
    const history = makeHistory({ refused: { a: 1, c: 4 } }, { refused: { a: 3, b: 9, c: 4 } });
    expect(risen(history, (each) => each.refused)).toEqual([
      ["b", 9],
      ["a", 2],
    ]);
    expect(risen([], (each) => each.refused)).toEqual([]);
  });
});

describe("percentiles", () => {
  it("are interpolated in their range", () => {
    expect(percentile([10, 0, 0, 0], 0.5, BOUNDS)).toBeCloseTo(0.05);
    expect(percentile([0, 10, 0, 0], 0.5, BOUNDS)).toBeCloseTo(0.15);
    expect(percentile([50, 49, 1, 0], 0.99, BOUNDS)).toBeCloseTo(0.2);
  });

  it("are not known of nothing, and beyond every bound not finite", () => {
    expect(percentile([0, 0, 0, 0], 0.5, BOUNDS)).toBeUndefined();
    expect(percentile([0, 0, 0, 3], 0.5, BOUNDS)).toBe(Infinity);
  });

  it("are of the last minute alone", () => {
    const slow = { counts: [0, 0, 7, 0], sum_seconds: 2 };
    const changes = Array.from({ length: 100 }, (_, second) => ({
      durations: { publish_to_disk: second < 10 ? slow : { counts: [second, 0, 7, 0], sum_seconds: 3 } },
    }));
    const samples = percentiles(makeHistory(...changes), "publish_to_disk", 0.99, BOUNDS);
    expect(samples[0]?.value).toBeUndefined();
    expect(samples.at(-1)?.value).toBeLessThanOrEqual(0.1);
    expect(percentiles(makeHistory({}, {}), "unknown", 0.5, BOUNDS).map(({ value }) => value)).toEqual([
      undefined,
      undefined,
    ]);
  });
});
