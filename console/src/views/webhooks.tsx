/** What the hub sends to services: webhooks that wait, that are dead, and those that were delivered. */
import { useEffect, useState } from "preact/hooks";
import { FailureBox } from "../failure.js";
import { formatCount, formatMoment } from "../format.js";
import { get, post } from "../hub.js";
import { usePage } from "../page.js";
import { useRequest } from "../request.js";
import { Target } from "../target.js";
import type { WebhookPage, WebhookRepeated, WebhookView } from "../wire.js";

const STATES = ["waiting", "dead"] as const;
type State = (typeof STATES)[number];

export function WebhooksView() {
  const { texts, serviceKey } = usePage();
  const [state, setState] = useState<State>("dead");
  const [service, setService] = useState("");
  const [page, load] = useRequest<WebhookPage>();
  const names = { waiting: texts.webhooksWaiting, dead: texts.webhooksDead };

  function look(wanted: State): void {
    setState(wanted);
    const query = new URLSearchParams({ state: wanted, ...(service.trim() === "" ? {} : { service: service.trim() }) });
    load(() => get(serviceKey, `/api/internal/webhooks?${query}`));
  }
  useEffect(() => look(state), []);

  return (
    <>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          look(state);
        }}
      >
        <label>
          {texts.state}
          <select value={state} onChange={(event) => look(event.currentTarget.value as State)}>
            {STATES.map((each) => (
              <option key={each} value={each}>
                {names[each]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {texts.service} ({texts.optional})
          <input
            maxLength={64}
            autocomplete="off"
            spellcheck={false}
            value={service}
            onInput={(event) => setService(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main">
          {texts.show}
        </button>
      </form>
      <p class="soft">{texts.webhooksAbout}</p>
      <div aria-live="polite">
        {page.kind === "working" ? <p>{texts.working}</p> : null}
        {page.kind === "failed" && page.failure.status === 404 ? (
          <p class="box is-doubtful">{texts.webhooksMissing}</p>
        ) : null}
        {page.kind === "failed" && page.failure.status !== 404 ? (
          <FailureBox failure={page.failure} texts={texts} />
        ) : null}
        {page.kind === "done" ? <Webhooks page={page.result} name={names[state]} /> : null}
      </div>
    </>
  );
}

function Webhooks({ page, name }: { page: WebhookPage; name: string }) {
  const { texts } = usePage();
  if (page.webhooks.length === 0) return <p>{texts.webhooksNone}</p>;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" aria-label={name} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.webhookCreated}</th>
              <th scope="col">{texts.webhookEvent}</th>
              <th scope="col">{texts.service}</th>
              <th scope="col">{texts.notification}</th>
              <th scope="col">{texts.target}</th>
              <th scope="col">{texts.webhookAttempts}</th>
              <th scope="col">{texts.webhookRepeat}</th>
            </tr>
          </thead>
          <tbody>
            {page.webhooks.map((webhook) => (
              <Webhook key={webhook.id} webhook={webhook} />
            ))}
          </tbody>
        </table>
      </section>
      {page.more ? <p class="soft">{texts.webhooksMore}</p> : null}
    </>
  );
}

function Webhook({ webhook }: { webhook: WebhookView }) {
  const { texts, language, showTrace, may, serviceKey } = usePage();
  const [repeated, repeat] = useRequest<WebhookRepeated>();
  const moment = (at: string): string => formatMoment(at, language);
  const path = `/api/internal/webhooks/${encodeURIComponent(webhook.id)}/repeat`;
  return (
    <tr>
      <td>
        <time dateTime={webhook.created_at}>{moment(webhook.created_at)}</time>
        <div>
          <code>{webhook.id}</code>
        </div>
      </td>
      <td>
        <bdi class="id">{webhook.event}</bdi>
      </td>
      <td>
        <bdi class="id">{webhook.service}</bdi>
      </td>
      <td>
        <button type="button" class="link" onClick={() => showTrace(webhook.notification_id)}>
          <bdi class="id short">{webhook.notification_id.slice(0, 8)}</bdi>
        </button>
      </td>
      <td>
        <Target target={webhook.user} />
      </td>
      <td>
        {formatCount(webhook.attempts, language)}
        {webhook.last_attempts.length === 0 ? null : (
          <ul class="plain">
            {webhook.last_attempts.map((attempt) => (
              <li key={attempt.at}>
                <span class="soft">{moment(attempt.at)}</span> <bdi class="id">{attempt.outcome}</bdi>
              </li>
            ))}
          </ul>
        )}
        {webhook.next_attempt_at === undefined ? null : (
          <div class="soft">
            {texts.webhookNext} {moment(webhook.next_attempt_at)}
          </div>
        )}
      </td>
      <td>
        {may("webhooks") ? (
          <button
            type="button"
            aria-label={`${texts.webhookRepeatNow} ${webhook.id}`}
            disabled={repeated.kind === "working" || repeated.kind === "done"}
            onClick={() => repeat(() => post(serviceKey, path, ""))}
          >
            {texts.webhookRepeatNow}
          </button>
        ) : (
          <span class="soft">{texts.missingWebhooks}</span>
        )}
        <div aria-live="polite">
          {repeated.kind === "done" ? <p class="soft">{texts.webhookRepeated}</p> : null}
          {repeated.kind === "failed" ? <FailureBox failure={repeated.failure} texts={texts} /> : null}
        </div>
      </td>
    </tr>
  );
}
