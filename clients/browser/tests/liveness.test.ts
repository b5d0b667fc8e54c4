import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLiveness } from "../src/liveness.js";
import { installFakes, pass, removeFakes } from "./fakes.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

test("a line is dead when it was silent for its interval and 10 s", async () => {
  const onDead = vi.fn();
  createLiveness(onDead).start(30_000);
  await pass(39_999);
  expect(onDead).not.toHaveBeenCalled();
  await pass(1);
  expect(onDead).toHaveBeenCalledOnce();
});

test("every sign of life begins the wait anew", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  for (let beat = 0; beat < 20; beat++) {
    await pass(35_000);
    liveness.sign();
  }
  expect(onDead).not.toHaveBeenCalled();
  await pass(40_000);
  expect(onDead).toHaveBeenCalledOnce();
});

test("a timer that fires late gives what is waiting a second to be read", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  vi.setSystemTime(Date.now() + 600_000);
  await pass(40_000);
  expect(onDead).not.toHaveBeenCalled();
  liveness.sign();
  await pass(1_000);
  expect(onDead).not.toHaveBeenCalled();
});

test("after a late timer silence is still death, a second later, however late that second comes", async () => {
  const onDead = vi.fn();
  createLiveness(onDead).start(30_000);
  vi.setSystemTime(Date.now() + 600_000);
  await pass(40_000);
  vi.setSystemTime(Date.now() + 60_000);
  await pass(1_000);
  expect(onDead).toHaveBeenCalledOnce();
});

test("a page that wakes up judges at once", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  liveness.check();
  expect(onDead).not.toHaveBeenCalled();
  await pass(30_001);
  liveness.check();
  expect(onDead).toHaveBeenCalledOnce();
});

test("a line without a heartbeat, or a stopped one, is never dead", async () => {
  const onDead = vi.fn();
  const liveness = createLiveness(onDead);
  liveness.start(30_000);
  liveness.start(0);
  await pass(100_000);
  liveness.check();
  liveness.start(30_000);
  liveness.stop();
  await pass(100_000);
  liveness.check();
  expect(onDead).not.toHaveBeenCalled();
});

test("a clock that was set back does not make a line immortal", async () => {
  const onDead = vi.fn();
  createLiveness(onDead).start(30_000);
  vi.setSystemTime(Date.now() - 3_600_000);
  await pass(80_000);
  expect(onDead).toHaveBeenCalledOnce();
});
