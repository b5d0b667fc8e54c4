/** The last minutes of figures, and what follows from two of them: rates, percentiles, what was refused meanwhile. */
import type { Durations, Figures } from "./wire.js";

/** Five minutes, at one set of figures a second. */
export const HISTORY_POINTS = 300;
/** Percentiles are of the last minute. */
const WINDOW_POINTS = 60;
/** A longer pause between two figures is a break: no line is drawn over it. */
const BREAK_MS = 10_000;

export interface Point {
  atMs: number;
  figures: Figures;
}

/** A value at a moment; undefined where it is not known. */
export interface Sample {
  atMs: number;
  value: number | undefined;
}

/** Add figures to the history and return the new one, without what is too old. Figures of a hub that restarted begin anew. */
export function addFigures(history: readonly Point[], figures: Figures): Point[] {
  const atMs = Date.parse(figures.at);
  const last = history.at(-1);
  const kept = last !== undefined && (hasRestarted(last.figures, figures) || atMs <= last.atMs) ? [] : history;
  return [...kept.slice(-(HISTORY_POINTS - 1)), { atMs, figures }];
}

function hasRestarted(before: Figures, now: Figures): boolean {
  return total(before.published) > total(now.published) || total(before.deliveries) > total(now.deliveries);
}

export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The value of a gauge over time. */
export function series(history: readonly Point[], read: (figures: Figures) => number): Sample[] {
  return withBreaks(history.map(({ atMs, figures }) => ({ atMs, value: read(figures) })));
}

/** How much a counter rose each second, over time; the first point has no rate. */
export function rates(history: readonly Point[], read: (figures: Figures) => number): Sample[] {
  const samples: Sample[] = history.slice(1).map((point, index) => {
    const before = history[index]!;
    const seconds = (point.atMs - before.atMs) / 1_000;
    return {
      atMs: point.atMs,
      value: seconds > BREAK_MS / 1_000 ? undefined : Math.max(0, read(point.figures) - read(before.figures)) / seconds,
    };
  });
  return withBreaks(samples);
}

/** A percentile in seconds over time, each of the minute before; undefined where nothing was measured in it. */
export function percentiles(
  history: readonly Point[],
  name: string,
  share: number,
  bounds: readonly number[],
): Sample[] {
  const samples: Sample[] = history.map((point, index) => {
    const before = history[Math.max(0, index - WINDOW_POINTS)]!;
    const counts = difference(before.figures.durations[name], point.figures.durations[name]);
    return { atMs: point.atMs, value: index === 0 ? undefined : percentile(counts, share, bounds) };
  });
  return withBreaks(samples);
}

/** How often each range occurred between two moments. */
export function difference(before: Durations | undefined, now: Durations | undefined): number[] {
  return (now?.counts ?? []).map((count, index) => Math.max(0, count - (before?.counts[index] ?? 0)));
}

/**
 * The value below which `share` (0 to 1) of all durations are, in seconds, by linear interpolation in its range.
 * Infinity: longer than the last bound. Undefined: there were none.
 */
export function percentile(counts: readonly number[], share: number, bounds: readonly number[]): number | undefined {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  const rank = share * all;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const upper = bounds[index];
      if (upper === undefined) return Infinity;
      const lower = bounds[index - 1] ?? 0;
      return lower + (upper - lower) * Math.min(1, Math.max(0, (rank - below) / count));
    }
    below += count;
  }
  return Infinity;
}

/** What a set of counters rose by since the beginning of the history, the largest first; those that did not are left out. */
export function risen(
  history: readonly Point[],
  read: (figures: Figures) => Readonly<Record<string, number>>,
): [string, number][] {
  const first = history[0];
  const last = history.at(-1);
  if (first === undefined || last === undefined) return [];
  const before = read(first.figures);
  return Object.entries(read(last.figures))
    .map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)])
    .filter(([, count]) => count > 0)
    .sort(([left, more], [right, less]) => less - more || left.localeCompare(right));
}

function withBreaks(samples: Sample[]): Sample[] {
  const broken: Sample[] = [];
  for (const sample of samples) {
    const last = broken.at(-1);
    if (last !== undefined && sample.atMs - last.atMs > BREAK_MS)
      broken.push({ atMs: last.atMs + 1, value: undefined });
    broken.push(sample);
  }
  return broken;
}
