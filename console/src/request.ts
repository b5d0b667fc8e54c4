/** A request of a view: nothing yet, under way, or with its outcome; the last one asked for wins. */
import { useEffect, useRef, useState } from "preact/hooks";
import { HubFailure } from "./hub.js";

export type Outcome<Result> =
  | { kind: "idle" }
  | { kind: "working" }
  | { kind: "done"; result: Result }
  | { kind: "failed"; failure: HubFailure };

export function useRequest<Result>(): [Outcome<Result>, (ask: () => Promise<Result>) => void, () => void] {
  const [outcome, setOutcome] = useState<Outcome<Result>>({ kind: "idle" });
  const latest = useRef(0);
  useEffect(
    () => () => {
      // The view is gone: nobody reads the outcome.
      latest.current = -1;
    },
    [],
  );
  function start(ask: () => Promise<Result>): void {
    const mine = latest.current + 1;
    latest.current = mine;
    setOutcome({ kind: "working" });
    const settle = (next: Outcome<Result>): void => {
      if (latest.current === mine) setOutcome(next);
    };
    ask().then(
      (result) => settle({ kind: "done", result }),
      (error: unknown) =>
        settle({ kind: "failed", failure: error instanceof HubFailure ? error : new HubFailure("unreachable") }),
    );
  }
  function forget(): void {
    latest.current += 1;
    setOutcome({ kind: "idle" });
  }
  return [outcome, start, forget];
}
