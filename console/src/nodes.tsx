/** The nodes of a cluster, as the hub that responds knows them. */
import { formatCount, formatUptime } from "./format.js";
import { usePage } from "./page.js";
import type { NodeStats } from "./wire.js";

const GOOD: ReadonlySet<NodeStats["state"]> = new Set(["ready"]);

/** A row for each node; nothing for a hub alone. */
export function Nodes({ nodes }: { nodes: readonly NodeStats[] }) {
  const { texts, language } = usePage();
  if (nodes.length === 0) return null;
  const count = (value: number): string => formatCount(value, language);
  const states = {
    ready: texts.ready,
    not_ready: texts.notReady,
    draining: texts.draining,
    silent: texts.nodeSilent,
  };
  return (
    <>
      <h2>{texts.nodes}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" aria-label={texts.nodes} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.node}</th>
              <th scope="col">{texts.state}</th>
              <th scope="col">{texts.version}</th>
              <th scope="col" class="number">
                {texts.connections}
              </th>
              <th scope="col" class="number">
                {texts.users}
              </th>
              <th scope="col" class="number">
                {texts.dispatchLag}
              </th>
              <th scope="col">NATS</th>
              <th scope="col" class="number">
                {texts.uptime}
              </th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <tr key={node.node}>
                <th scope="row">
                  <bdi class="id">{node.node}</bdi>
                </th>
                <td class={GOOD.has(node.state) ? "" : "is-none"}>{states[node.state]}</td>
                <td>
                  <bdi>{node.version}</bdi>
                </td>
                <td class="number">{count(node.connections.total)}</td>
                <td class="number">{count(node.users)}</td>
                <td class={node.lag > 0 ? "number is-none" : "number"}>{count(node.lag)}</td>
                <td class={node.nats === "connected" ? "" : "is-none"}>
                  {node.nats === "connected" ? texts.connectedToNats : texts.awayFromNats}
                </td>
                <td class="number">{formatUptime(node.uptimeSeconds * 1_000, language)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
