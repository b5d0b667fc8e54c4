/** What the hub dispatches, as it happens. */
import { useState } from "preact/hooks";
import { type FeedFilter, type FeedState, MAX_SHOWN, matches, NO_FILTER, setPaused, typesOf } from "../feed.js";
import { formatBytes, formatCount, formatTime } from "../format.js";
import { usePage } from "../page.js";
import { Target } from "../target.js";

const KINDS = ["user", "users", "account", "everyone"] as const;

export function FeedView(props: { feed: FeedState; onChange: (change: (before: FeedState) => FeedState) => void }) {
  const { texts, language, showTrace } = usePage();
  const [filter, setFilter] = useState<FeedFilter>(NO_FILTER);
  const { feed } = props;
  const found = feed.items.filter((item) => matches(item, filter));
  const shown = found.slice(0, MAX_SHOWN);
  const count = (value: number): string => formatCount(value, language);
  const change = (part: Partial<FeedFilter>): void => setFilter((before) => ({ ...before, ...part }));
  const kinds = { user: texts.user, users: texts.usersTarget, account: texts.account, everyone: texts.everyone };
  return (
    <>
      <div class="controls">
        <button
          type="button"
          class="main"
          aria-pressed={feed.paused}
          onClick={() => props.onChange((before) => setPaused(before, !before.paused))}
        >
          {feed.paused ? texts.resume : texts.pause}
        </button>
        <label>
          {texts.type}
          <select value={filter.type} onChange={(event) => change({ type: event.currentTarget.value })}>
            <option value="">{texts.allTypes}</option>
            {typesOf(feed.items).map((type) => (
              <option key={type} value={type}>
                {type}
              </option>
            ))}
          </select>
        </label>
        <label>
          {texts.target}
          <select value={filter.kind} onChange={(event) => change({ kind: event.currentTarget.value })}>
            <option value="">{texts.allTargets}</option>
            {KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {kinds[kind]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {texts.filterText}
          <input
            type="search"
            maxLength={200}
            value={filter.text}
            onInput={(event) => change({ text: event.currentTarget.value })}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={filter.unreached}
            onChange={(event) => change({ unreached: event.currentTarget.checked })}
          />
          {texts.unreachedOnly}
        </label>
      </div>
      <p class="soft" role="status">
        {count(shown.length)} {texts.shown} {texts.of} {count(feed.seen)}
        {feed.paused ? ` · ${count(feed.waiting.length)} ${texts.waiting}` : ""}
        {feed.skipped > 0 ? ` · ${count(feed.skipped)} ${texts.skipped}` : ""}
      </p>
      {shown.length === 0 ? (
        <p>{feed.items.length === 0 ? texts.feedEmpty : texts.feedNoMatch}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        <section class="scroll" aria-label={texts.feed} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{texts.time}</th>
                <th scope="col">{texts.type}</th>
                <th scope="col">{texts.target}</th>
                <th scope="col" class="number">
                  {texts.reached}
                </th>
                <th scope="col" class="number">
                  {texts.size}
                </th>
                <th scope="col">{texts.trace}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((item) => (
                <tr key={item.cursor}>
                  <td>
                    <time dateTime={item.timestamp}>{formatTime(item.timestamp, language)}</time>
                  </td>
                  <td>
                    <bdi class="id">{item.type}</bdi>
                  </td>
                  <td>
                    <Target target={item.target} />
                  </td>
                  <td class={item.connections === 0 ? "number is-none" : "number"}>{count(item.connections)}</td>
                  <td class="number">{formatBytes(item.bytes, language)}</td>
                  <td>
                    <button type="button" class="link" onClick={() => showTrace(item.id)}>
                      <bdi class="id short">{item.id.slice(0, 8)}</bdi>
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}
