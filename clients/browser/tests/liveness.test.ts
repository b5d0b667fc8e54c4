import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLiveness } from "../src/liveness.js";
import { installFakes, pass, removeFakes } from "./fakes.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

test("a link is dead when it was silent for a heartbeat and a half", async () => {
  const onDead = vi.fn();
  createLiveness(onDead).start(30_000);
  await pass(44_999);
  expect(onDead).not.toHaveBeenCalled();
  await pass(1);
  expect(onDead).toHaveBeenCalledOnce();
});

test("everything that is received starts the wait again", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  for (let beat = 0; beat < 20; beat++) {
    await pass(40_000);
    liveness.received();
  }
  expect(onDead).not.toHaveBeenCalled();
  await pass(45_000);
  expect(onDead).toHaveBeenCalledOnce();
});

test("a timer that fires late gives what is waiting a second to be read", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  vi.setSystemTime(Date.now() + 600_000);
  await pass(45_000);
  expect(onDead).not.toHaveBeenCalled();
  liveness.received();
  await pass(1_000);
  expect(onDead).not.toHaveBeenCalled();
});

test("after a late timer silence is still death, a second later, however late that second comes", async () => {
  const onDead = vi.fn();
  createLiveness(onDead).start(30_000);
  vi.setSystemTime(Date.now() + 600_000);
  await pass(45_000);
  vi.setSystemTime(Date.now() + 60_000);
  await pass(1_000);
  expect(onDead).toHaveBeenCalledOnce();
});

test.each([
  [5_000, 7_500],
  [200, 2_700],
])("a heartbeat of %i ms is missed after %i", async (intervalMs, deadMs) => {
  const onDead = vi.fn();
  createLiveness(onDead).start(intervalMs);
  await pass(deadMs - 1);
  expect(onDead).not.toHaveBeenCalled();
  await pass(1);
  expect(onDead).toHaveBeenCalledOnce();
});

test.each([Number.NaN, -1, -Infinity, undefined as unknown as number])(
  "a heartbeat of %j is not valid: the link is watched as by default",
  async (ms) => {
    const onDead = vi.fn();
    createLiveness(onDead).start(ms);
    await pass(44_999);
    expect(onDead).not.toHaveBeenCalled();
    await pass(1);
    expect(onDead).toHaveBeenCalledOnce();
  },
);

test.each([1e12, Infinity])(
  "a heartbeat of %j ms, more than a timer holds, does not make a link dead at once",
  async (ms) => {
    const onDead = vi.fn();
    createLiveness(onDead).start(ms);
    await pass(3_600_000);
    expect(onDead).not.toHaveBeenCalled();
  },
);

test("it says how long the link had lived when something was received last", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  await pass(30_000);
  liveness.received();
  await pass(45_000);
  expect(onDead).toHaveBeenCalledWith(30_000);
});

test("a page that wakes up judges at once", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  liveness.check(true);
  expect(onDead).not.toHaveBeenCalled();
  await pass(30_001);
  liveness.check(true);
  expect(onDead).toHaveBeenCalledOnce();
});

test("a check finds a dead link though the timers of a hidden page are slowed down, and not a living one", () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  vi.setSystemTime(Date.now() + 44_000);
  liveness.check(false);
  expect(onDead).not.toHaveBeenCalled();
  vi.setSystemTime(Date.now() + 2_000);
  liveness.check(false);
  expect(onDead).toHaveBeenCalledOnce();
});

test("a link without a heartbeat, or a stopped one, is never dead", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  liveness.start(0);
  await pass(100_000);
  liveness.check(true);
  liveness.start(30_000);
  liveness.stop();
  await pass(100_000);
  liveness.check(true);
  expect(onDead).not.toHaveBeenCalled();
});

test("a clock that was set back does not make a link immortal", async () => {
  const onDead = vi.fn();
  createLiveness(onDead).start(30_000);
  vi.setSystemTime(Date.now() - 3_600_000);
  await pass(90_000);
  expect(onDead).toHaveBeenCalledOnce();
});
