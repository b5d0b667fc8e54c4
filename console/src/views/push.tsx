/** What Web Push does: subscriptions, messages on their way, and what became of the others. */
import { useEffect } from "preact/hooks";
import { FailureBox } from "../failure.js";
import { formatCount } from "../format.js";
import { get } from "../hub.js";
import { usePage } from "../page.js";
import { useRequest } from "../request.js";
import { CountTable, Tile } from "../tile.js";
import type { PushFigures } from "../wire.js";

export function PushView() {
  const { texts, serviceKey } = usePage();
  const [figures, load] = useRequest<PushFigures>();
  const look = (): void => load(() => get(serviceKey, "/api/internal/push"));
  useEffect(look, []);
  return (
    <>
      <div class="controls">
        <button type="button" class="main" onClick={look}>
          {texts.refresh}
        </button>
      </div>
      <p class="soft">{texts.pushAbout}</p>
      <div aria-live="polite">
        {figures.kind === "working" ? <p>{texts.working}</p> : null}
        {figures.kind === "failed" && figures.failure.status === 404 ? (
          <p class="box is-doubtful">{texts.pushOff}</p>
        ) : null}
        {figures.kind === "failed" && figures.failure.status !== 404 ? (
          <FailureBox failure={figures.failure} texts={texts} />
        ) : null}
        {figures.kind === "done" ? <Shown figures={figures.result} /> : null}
      </div>
    </>
  );
}

function Shown({ figures }: { figures: PushFigures }) {
  const { texts, language } = usePage();
  const count = (value: number): string => formatCount(value, language);
  return (
    <>
      {figures.behind ? <p class="box is-doubtful">{texts.pushBehind}</p> : null}
      <dl class="tiles">
        <Tile name={texts.pushSubscriptions} value={count(figures.subscriptions)} />
        <Tile name={texts.users} value={count(figures.users)} />
        <Tile name={texts.pushSending} value={count(figures.sending)} />
        <Tile name={texts.pushWaiting} value={count(figures.waiting)} />
      </dl>
      <div class="pair">
        <CountTable title={texts.pushOutcomes} about={texts.sinceStart} counts={figures.outcomes} />
        <CountTable title={texts.pushFailures} about={texts.sinceStart} counts={figures.failures} />
        <CountTable
          title={texts.pushServices}
          about={texts.pushSending}
          counts={Object.fromEntries(figures.services.map(({ origin, sending }) => [origin, sending]))}
        />
      </div>
    </>
  );
}
