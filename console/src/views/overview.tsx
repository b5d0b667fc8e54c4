/** The hub at this moment and in the last minutes. */
import { Chart } from "../chart.js";
import { formatBytes, formatCount, formatDuration, formatRate, formatUptime } from "../format.js";
import { type Point, percentiles, rates, risen, series, total } from "../history.js";
import { Nodes } from "../nodes.js";
import { usePage } from "../page.js";
import { Tile } from "../tile.js";
import { lastingTransports, nameTransport, type Transport } from "../transports.js";
import type { Figures } from "../wire.js";

const PERCENTILES: readonly (readonly [string, number])[] = [
  ["p50", 0.5],
  ["p95", 0.95],
  ["p99", 0.99],
];

/** Where `connections` has the count of a transport. */
const COUNT_NAMES = { websocket: "websocket", sse: "sse", "durable-streams": "durable_streams" } as const;

export function OverviewView({ history }: { history: readonly Point[] }) {
  const { texts, language, introduction } = usePage();
  const figures = history.at(-1)?.figures;
  if (figures === undefined) return <p>{texts.connecting}</p>;
  const bounds = introduction.bounds_seconds;
  const count = (value: number): string => formatCount(value, language);
  const rate = (value: number): string => formatRate(value, language);
  const duration = (value: number): string => formatDuration(value, language);
  const lasting = lastingTransports(history);
  const published = rates(history, (each) => total(each.published));
  const delivered = (transport: Transport): ReturnType<typeof rates> =>
    rates(history, (each) => each.deliveries[transport] ?? 0);
  return (
    <>
      <Conditions figures={figures} />
      <Nodes nodes={figures.nodes ?? []} />
      <dl class="tiles">
        <Tile name={texts.connections} value={count(figures.connections.total)} />
        <Tile name={texts.users} value={count(figures.users)} />
        <Tile name={texts.accounts} value={count(figures.accounts)} />
        <Tile name={texts.published} value={rate(published.at(-1)?.value ?? 0)} about={texts.perSecond} />
        <Tile
          name={texts.deliveries}
          value={rate(rates(history, (each) => total(each.deliveries)).at(-1)?.value ?? 0)}
          about={texts.perSecond}
        />
        <Tile
          name={texts.logSize}
          value={formatBytes(figures.log.bytes, language)}
          about={`${count(Math.max(0, figures.log.head - figures.log.first + 1))} ${texts.records}`}
        />
        <Tile name={texts.dispatchLag} value={count(figures.dispatch_lag)} about={texts.records} />
        <Tile
          name={texts.uptime}
          value={formatUptime(Date.parse(figures.at) - Date.parse(introduction.started_at), language)}
        />
      </dl>
      <div class="charts">
        <Chart
          title={texts.connectionsByTransport}
          format={count}
          lines={[
            { name: texts.total, samples: series(history, (each) => each.connections.total) },
            ...lasting.map((transport) => ({
              name: nameTransport(transport, texts),
              samples: series(history, (each) => each.connections[COUNT_NAMES[transport]] ?? 0),
            })),
          ]}
        />
        <Chart title={texts.publishesPerSecond} format={rate} lines={[{ name: texts.published, samples: published }]} />
        <Chart
          title={texts.deliveriesPerSecond}
          format={rate}
          lines={[...lasting, "poll" as const].map((transport) => ({
            name: nameTransport(transport, texts),
            samples: delivered(transport),
          }))}
        />
        <Chart
          title={texts.latencyDisk}
          about={texts.lastMinute}
          format={duration}
          lines={PERCENTILES.map(([name, share]) => ({
            name,
            samples: percentiles(history, "publish_to_disk", share, bounds),
          }))}
        />
        <Chart
          title={texts.latencySocket}
          about={texts.lastMinute}
          format={duration}
          lines={lasting.flatMap((transport) =>
            PERCENTILES.filter(([, share]) => share !== 0.95).map(([name, share]) => ({
              name: `${nameTransport(transport, texts)} ${name}`,
              samples: percentiles(history, `publish_to_socket:${transport}`, share, bounds),
            })),
          )}
        />
        <Chart
          title={texts.loopLag}
          about={texts.lastMinute}
          format={duration}
          lines={PERCENTILES.map(([name, share]) => ({
            name,
            samples: percentiles(history, "loop_lag", share, bounds),
          }))}
        />
      </div>
      <h2>
        {texts.refusals} <span class="soft">({texts.refusalsAbout})</span>
      </h2>
      <div class="pair">
        <Codes title={texts.refusedConnections} history={history} read={(each) => each.refused} />
        <Codes title={texts.refusedRequests} history={history} read={(each) => each.problems} />
      </div>
      <h2>
        {texts.noticed} <span class="soft">({texts.refusalsAbout})</span>
      </h2>
      <div class="pair">
        <Codes title={texts.ended} history={history} read={(each) => each.closed} />
        <Codes
          title={texts.missed}
          history={history}
          read={({ gaps, fallen_behind }) => ({ gap: gaps, fallen_behind })}
        />
        <Codes title={texts.mismatches} history={history} read={(each) => each.mismatches ?? {}} />
      </div>
    </>
  );
}

function Conditions({ figures }: { figures: Figures }) {
  const { texts, language } = usePage();
  const log = figures.log.writable ? texts.logWritable : texts.logUnwritable;
  const conditions: [string, "good" | "doubtful" | "bad"][] = [
    figures.draining ? [texts.draining, "doubtful"] : figures.ready ? [texts.ready, "good"] : [texts.notReady, "bad"],
    [log, figures.log.writable ? "good" : "bad"],
    [
      `${texts.directory}: ${figures.directory}`,
      figures.directory === "down" ? "bad" : figures.directory === "up" ? "good" : "doubtful",
    ],
  ];
  if (figures.log.damaged > 0) {
    conditions.push([`${formatCount(figures.log.damaged, language)} ${texts.damaged}`, "bad"]);
  }
  return (
    <ul class="conditions">
      {conditions.map(([text, kind]) => (
        <li key={text} class={`is-${kind}`}>
          <span aria-hidden="true">{{ good: "✓", doubtful: "!", bad: "✕" }[kind]}</span> {text}
        </li>
      ))}
    </ul>
  );
}

function Codes(props: {
  title: string;
  history: readonly Point[];
  read: (figures: Figures) => Readonly<Record<string, number>>;
}) {
  const { texts, language } = usePage();
  const recent = new Map(risen(props.history, props.read));
  const figures = props.history.at(-1)?.figures;
  const codes = Object.entries(figures === undefined ? {} : props.read(figures)).filter(([, count]) => count > 0);
  codes.sort(([left, more], [right, less]) => less - more || left.localeCompare(right));
  return (
    <div>
      <h3>{props.title}</h3>
      {codes.length === 0 ? (
        <p class="soft">{texts.none}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.code}</th>
              <th scope="col" class="number">
                {texts.count}
              </th>
              <th scope="col" class="number">
                {texts.sinceStart}
              </th>
            </tr>
          </thead>
          <tbody>
            {codes.map(([code, count]) => (
              <tr key={code}>
                <th scope="row">
                  <code>{code}</code>
                </th>
                <td class="number">{formatCount(recent.get(code) ?? 0, language)}</td>
                <td class="number">{formatCount(count, language)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
