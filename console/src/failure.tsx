/** Why the hub did not do something, in the words of the page and of the hub. */
import type { HubFailure } from "./hub.js";
import type { Texts } from "./texts/index.js";
import type { Problem } from "./wire.js";

/** What to do about a key that the hub refused, or a hub that does not respond. */
export function describeFailure(failure: HubFailure, texts: Texts): string {
  if (failure.kind === "slow") return texts.slow;
  if (failure.kind === "unreachable") return texts.unreachable;
  if (failure.status === 401) return texts.refusedKey;
  if (failure.problem?.code === "forbidden") return texts.refusedObserve;
  if (failure.problem?.code === "key_limited_to_accounts") return texts.refusedAccounts;
  if (failure.problem === undefined) return texts.refusedPath;
  return failure.problem.detail || failure.problem.title;
}

export function ProblemBox({ problem, texts }: { problem: Problem; texts: Texts }) {
  return (
    <div class="box is-bad" role="alert">
      <p>
        <strong>{problem.title}</strong> <code>{problem.code}</code>
      </p>
      {problem.detail ? <p dir="auto">{problem.detail}</p> : null}
      {problem.field === undefined ? null : (
        <p>
          {texts.field}: <code>{problem.field}</code>
        </p>
      )}
      {problem.known === undefined ? null : <p class="soft">{problem.known.join(", ")}</p>}
    </div>
  );
}

export function FailureBox({ failure, texts }: { failure: HubFailure; texts: Texts }) {
  if (failure.problem !== undefined) return <ProblemBox problem={failure.problem} texts={texts} />;
  return (
    <p class="box is-bad" role="alert">
      {describeFailure(failure, texts)}
    </p>
  );
}
