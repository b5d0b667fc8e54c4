/** A number with its name, and a table of numbers by name. */
import { formatCount } from "./format.js";
import { usePage } from "./page.js";

export function Tile(props: { name: string; value: string; about?: string }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        <strong>{props.value}</strong> {props.about === undefined ? null : <span class="soft">{props.about}</span>}
      </dd>
    </div>
  );
}

/** What was counted, the largest first; what was not is left out. */
export function CountTable(props: { title: string; about: string; counts: Readonly<Record<string, number>> }) {
  const { texts, language } = usePage();
  const rows = Object.entries(props.counts).filter(([, count]) => count > 0);
  rows.sort(([left, more], [right, less]) => less - more || left.localeCompare(right));
  return (
    <div>
      <h2>{props.title}</h2>
      {rows.length === 0 ? (
        <p class="soft">{texts.none}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.code}</th>
              <th scope="col" class="number">
                {props.about}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, count]) => (
              <tr key={name}>
                <th scope="row">
                  <bdi class="id">{name}</bdi>
                </th>
                <td class="number">{formatCount(count, language)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
