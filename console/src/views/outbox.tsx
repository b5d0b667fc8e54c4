/** The relays of outboxes that report to this hub. */
import { formatCount, formatDuration, formatTime } from "../format.js";
import { usePage } from "../page.js";
import type { Figures } from "../wire.js";

export function OutboxView({ figures }: { figures: Figures | undefined }) {
  const { texts, language } = usePage();
  const count = (value: number): string => formatCount(value, language);
  const relays = figures?.relays ?? [];
  return (
    <>
      <p class="soft">{texts.outboxAbout}</p>
      {relays.some((relay) => relay.dead_rows > 0) ? <p class="box is-doubtful">{texts.outboxDeadHint}</p> : null}
      {relays.length === 0 ? (
        <p>{texts.outboxNone}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        <section class="scroll" aria-label={texts.outbox} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{texts.service}</th>
                <th scope="col" class="number">
                  {texts.outboxWaiting}
                </th>
                <th scope="col" class="number">
                  {texts.outboxOldest}
                </th>
                <th scope="col" class="number">
                  {texts.outboxDead}
                </th>
                <th scope="col" class="number">
                  {texts.published}
                </th>
                <th scope="col">{texts.outboxReport}</th>
              </tr>
            </thead>
            <tbody>
              {relays.map((relay) => (
                <tr key={`${relay.service} ${relay.instance}`}>
                  <th scope="row">
                    <bdi class="id">{relay.service}</bdi> <code>{relay.instance}</code>
                  </th>
                  <td class="number">{count(relay.waiting_rows)}</td>
                  <td class="number">{formatWait(relay.oldest_waiting_seconds)}</td>
                  <td class={relay.dead_rows > 0 ? "number is-none" : "number"}>{count(relay.dead_rows)}</td>
                  <td class="number">{count(relay.published)}</td>
                  <td>
                    <time dateTime={relay.at}>{formatTime(relay.at, language)}</time>
                    {relay.overdue ? <div class="is-none">{texts.outboxOverdue}</div> : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );

  function formatWait(seconds: number): string {
    return seconds === 0 ? "–" : formatDuration(seconds, language);
  }
}
