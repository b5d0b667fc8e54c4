/** The signals that ask a process to end; pm2 sends SIGINT. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** What is done before the end of the process, for `timeoutMs` at most. */
export type Finish = (timeoutMs: number) => Promise<unknown>;

/** The part of `process` that is needed here. */
export type Host = Pick<NodeJS.Process, "kill" | "listenerCount" | "once" | "pid" | "removeListener">;

/**
 * Run `finish` when the process is asked to end, and end it afterwards as the signal would have.
 *
 * A handler of a signal takes away its effect. So where there is no other handler, the signal is sent again when `finish`
 * is done or its time is over; a second signal ends the process at once. A program with handlers of its own decides itself
 * when it ends: then only `finish` is run. Return what undoes all of it.
 */
export function finishOnSignal(finish: Finish, timeoutMs: number, host: Host = process): () => void {
  const undo: (() => void)[] = [];
  for (const signal of SIGNALS) {
    const end = async () => {
      let timer: NodeJS.Timeout | undefined;
      // A `finish` that hangs does not keep the process alive.
      const late = new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs + 100)));
      await Promise.race([finish(timeoutMs).catch(() => undefined), late]);
      clearTimeout(timer);
      if (host.listenerCount(signal) <= countPolite()) host.kill(host.pid, signal);
    };
    host.once(signal, end);
    undo.push(() => host.removeListener(signal, end));
  }
  return () => undo.forEach((one) => one());
}

/**
 * Return how many listeners belong to the package signal-exit, which many packages depend on. They end the process only if
 * all listeners are their own, so they would wait for ours, and ours for them. Their copies share the number here.
 */
function countPolite(): number {
  const places = [Symbol.for("signal-exit emitter"), "__signal_exit_emitter__"] as const;
  return places.reduce((sum, place) => {
    const emitter =
      (globalThis as Record<PropertyKey, unknown>)[place] ??
      (process as unknown as Record<PropertyKey, unknown>)[place];
    const count = (emitter as { count?: unknown } | undefined)?.count;
    return sum + (typeof count === "number" ? count : 0);
  }, 0);
}
