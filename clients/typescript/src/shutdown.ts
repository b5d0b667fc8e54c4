/** The signals that ask a process to end; pm2 sends SIGINT. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** What has to be done before the end, for `timeoutMs` at most. */
export type Finish = (timeoutMs: number) => Promise<unknown>;

/** The part of a process that is needed here. */
export type Host = Pick<NodeJS.Process, "kill" | "listenerCount" | "once" | "pid" | "removeListener">;

/**
 * Run `finish` when the process is asked to end, and end it afterwards as the signal would have.
 *
 * To listen to a signal takes away its effect. So where nobody else listens, the signal is sent again once `finish` is done
 * or its time is over; a second one, meanwhile, ends the process at once. A host with handlers of its own decides itself
 * when it ends: here only `finish` is run. Return what undoes all of it.
 */
export function finishOnSignal(finish: Finish, timeoutMs: number, host: Host = process): () => void {
  const undo: (() => void)[] = [];
  for (const signal of SIGNALS) {
    const end = async () => {
      let timer: NodeJS.Timeout | undefined;
      // Whatever `finish` is up to, the process does not live for it.
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
 * Return how many listeners there are of the package signal-exit, which half of npm brings along: they end the process only
 * where all listeners are theirs, and so wait for us as we would for them. They tell their number to one another there.
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
