import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { type Host, finishOnSignal } from "../src/shutdown.js";
import { until } from "./stand-in.js";

/** The rules of a process that is asked to end; real processes are in the tests of the package stocktech. */

class FakeProcess extends EventEmitter {
  readonly pid = 7;
  readonly kills: unknown[] = [];
  kill(pid: number, signal?: string | number): true {
    this.kills.push([pid, signal]);
    return true;
  }
}

function start(finish: (timeoutMs: number) => Promise<unknown>, timeoutMs = 10_000) {
  const process = new FakeProcess();
  const undo = finishOnSignal(finish, timeoutMs, process as unknown as Host);
  return { process, undo };
}

describe.each(["SIGINT", "SIGTERM"])("%s", (signal) => {
  test("is sent again when all is finished", async () => {
    let end = () => {};
    let given = 0;
    const { process } = start((timeoutMs) => {
      given = timeoutMs;
      return new Promise<void>((resolve) => (end = resolve));
    });
    process.emit(signal);
    expect([given, process.kills]).toEqual([10_000, []]);
    end();
    await until(() => process.kills.length > 0);
    expect(process.kills).toEqual([[7, signal]]);
  });

  test("is sent again when finishing fails", async () => {
    const { process } = start(() => Promise.reject(new Error("no")));
    process.emit(signal);
    await until(() => process.kills.length > 0);
  });

  test("is sent again when finishing takes too long", async () => {
    const { process } = start(() => new Promise(() => {}), 1);
    process.emit(signal);
    await until(() => process.kills.length > 0);
  });

  test("is left to a process with a handler of its own", async () => {
    let finished = false;
    const { process } = start(async () => {
      finished = true;
    });
    process.on(signal, () => undefined);
    process.emit(signal);
    await until(() => finished);
    await new Promise((resolve) => setImmediate(resolve));
    expect(process.kills).toEqual([]);
  });

  test("has its usual effect again after the handlers are removed", () => {
    const { process, undo } = start(async () => undefined);
    undo();
    expect([process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")]).toEqual([0, 0]);
  });
});
