/** What became of one notification. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { FailureBox } from "../failure.js";
import { formatCount, formatMoment } from "../format.js";
import { get } from "../hub.js";
import { usePage } from "../page.js";
import { useRequest } from "../request.js";
import { Target } from "../target.js";
import type { Trace } from "../wire.js";

export function TraceView({ id: given }: { id: string }) {
  const { texts, serviceKey } = usePage();
  const [id, setId] = useState(given);
  const [outcome, trace] = useRequest<Trace>();

  function look(wanted: string): void {
    trace(() => get(serviceKey, `/api/internal/notifications/${encodeURIComponent(wanted.trim())}`));
  }
  // A view that was opened for an id looks at once.
  useEffect(() => {
    if (given !== "") look(given);
  }, [given]);

  return (
    <>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          look(id);
        }}
      >
        <label class="wide">
          {texts.traceId}
          <input
            required
            maxLength={128}
            autocomplete="off"
            spellcheck={false}
            value={id}
            onInput={(event) => setId(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main">
          {texts.show}
        </button>
      </form>
      <p class="soft">{texts.traceHint}</p>
      <div aria-live="polite">
        {outcome.kind === "working" ? <p>{texts.working}</p> : null}
        {outcome.kind === "failed" && outcome.failure.status === 404 ? (
          <p class="box is-doubtful">{texts.traceNotFound}</p>
        ) : null}
        {outcome.kind === "failed" && outcome.failure.status !== 404 ? (
          <FailureBox failure={outcome.failure} texts={texts} />
        ) : null}
        {outcome.kind === "done" ? <Steps trace={outcome.result} /> : null}
      </div>
    </>
  );
}

function Steps({ trace }: { trace: Trace }) {
  const { texts, language } = usePage();
  const count = (value: number): string => formatCount(value, language);
  const moment = (at: string): string => formatMoment(at, language);
  return (
    <>
      <h2>
        <bdi class="id">{trace.type}</bdi> <code>{trace.id}</code>
      </h2>
      {trace.trace_id === undefined ? null : (
        <p class="soft">
          {texts.traceOfPublish} <code>{trace.trace_id}</code>
        </p>
      )}
      <ol class="steps">
        {trace.accepted === undefined ? null : (
          <Step name={texts.accepted} at={moment(trace.accepted.at)}>
            {texts.service} <strong>{trace.accepted.service}</strong>
          </Step>
        )}
        <Step name={texts.stored} at={moment(trace.stored.at)}>
          {texts.position} {count(trace.stored.position)} · {texts.cursor} <code>{trace.stored.cursor}</code>
        </Step>
        {trace.dispatched === undefined ? null : (
          <Step name={texts.dispatched} at={trace.dispatched.expired ? texts.expired : ""}>
            {texts.websocket} {count(trace.dispatched.websocket)} · {texts.sse} {count(trace.dispatched.sse)} ·{" "}
            {trace.dispatched.durable_streams
              ? `${texts.durableStreams} ${count(trace.dispatched.durable_streams)} · `
              : ""}
            {texts.deferred} {count(trace.dispatched.deferred)}
          </Step>
        )}
        {trace.replayed === undefined ? null : (
          <Step name={texts.replayed} at="">
            {texts.connections} {count(trace.replayed.connections)} · {texts.toPolls} {count(trace.replayed.polls)}
          </Step>
        )}
        {trace.pushed === undefined ? null : (
          <Step name={texts.pushed} at="">
            {[
              ...Object.entries(trace.pushed.outcomes).map(([outcome, number]) => `${outcome} ${count(number)}`),
              ...(trace.pushed.pending ? [`${texts.pushPending} ${count(trace.pushed.pending)}`] : []),
            ].join(" · ") || texts.pushedToNone}
          </Step>
        )}
        {trace.superseded === undefined ? null : (
          <Step name={texts.superseded} at="">
            {texts.supersededBy} <code>{trace.superseded.by}</code>
          </Step>
        )}
        <Confirmations name={texts.awaited} confirmations={trace.awaited} />
        <Confirmations name={texts.acknowledged} confirmations={trace.acknowledged} />
        <Confirmations name={texts.readStep} confirmations={trace.read} />
        <Confirmations name={texts.escalated} confirmations={trace.escalated} />
        {trace.webhooks === undefined || trace.webhooks.length === 0 ? null : (
          <Step name={texts.webhooks} at="">
            <ul class="plain">
              {trace.webhooks.map((webhook) => (
                <li key={webhook.id}>
                  <bdi class="id">{webhook.service}</bdi> <bdi class="id">{webhook.event}</bdi> {webhook.state} ·{" "}
                  {texts.webhookAttempts} {count(webhook.attempts)}
                </li>
              ))}
            </ul>
          </Step>
        )}
        {trace.expires_at === undefined ? null : (
          <Step name={trace.expired ? texts.expired : texts.expires} at={moment(trace.expires_at)} />
        )}
      </ol>
      <h2>
        {texts.targets} ({count(trace.target_count)})
      </h2>
      <ul>
        {trace.targets.map((target, index) => (
          // Masked ids may be equal.
          <li key={index}>
            <Target target={target} />
          </li>
        ))}
      </ul>
      {trace.unknown.length === 0 ? null : (
        <>
          <h2>{texts.unknownSteps}</h2>
          <ul>
            {trace.unknown.map((step) => (
              <li key={step.step}>
                <code>{step.step}</code> {step.why}
              </li>
            ))}
          </ul>
        </>
      )}
      <p class="soft">
        {texts.countedSince} {moment(trace.counted_since)}
      </p>
    </>
  );
}

/** The users who had to confirm, with the moment at which that ended or will. */
function Confirmations(props: { name: string; confirmations: Trace["read"] }) {
  const { texts, language } = usePage();
  if (props.confirmations === undefined || props.confirmations.length === 0) return null;
  return (
    <Step name={props.name} at="">
      <ul class="plain">
        {props.confirmations.map((each, index) => (
          // Masked ids may be equal.
          <li key={index}>
            <Target target={each.user} />{" "}
            <span class="soft">
              {each.at === undefined
                ? `${texts.until} ${formatMoment(each.deadline, language)}`
                : formatMoment(each.at, language)}
            </span>
          </li>
        ))}
      </ul>
    </Step>
  );
}

function Step(props: { name: string; at: string; children?: ComponentChildren }) {
  return (
    <li>
      <strong>{props.name}</strong> <span class="soft">{props.at}</span>
      {props.children === undefined ? null : <div>{props.children}</div>}
    </li>
  );
}
