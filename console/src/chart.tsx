/** A line chart of the last minutes, with its newest values as text beside it. */
import type { Sample } from "./history.js";
import { usePage } from "./page.js";

export interface Line {
  name: string;
  samples: readonly Sample[];
}

const WIDTH = 600;
const HEIGHT = 150;
const SPAN_MS = 300_000;

export function Chart(props: {
  title: string;
  about?: string;
  lines: readonly Line[];
  format: (value: number) => string;
}) {
  const { texts } = usePage();
  const values = props.lines.flatMap((line) => line.samples.map((sample) => sample.value));
  const known = values.filter((value) => value !== undefined && Number.isFinite(value)) as number[];
  const highest = niceCeiling(Math.max(0, ...known));
  const endMs = Math.max(0, ...props.lines.map((line) => line.samples.at(-1)?.atMs ?? 0));
  const newest = props.lines.map((line) => line.samples.at(-1)?.value);
  const spoken = props.lines.map((line, index) => {
    const value = newest[index];
    return `${line.name}: ${value === undefined ? texts.noData : props.format(value)}`;
  });
  return (
    <figure class="chart">
      <figcaption>
        <h2>{props.title}</h2>
        {props.about === undefined ? null : <span class="soft">{props.about}</span>}
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${texts.chartAbout}: ${props.title}. ${spoken.join("; ")}`}
      >
        {[0, 0.5, 1].map((share) => (
          <line key={share} class="grid" x1={0} x2={WIDTH} y1={yOf(share)} y2={yOf(share)} />
        ))}
        {props.lines.map((line, index) => (
          <path key={line.name} class={`line line-${index}`} d={drawLine(line.samples, highest, endMs)} />
        ))}
      </svg>
      <p class="axis soft" aria-hidden="true">
        <span>{texts.minutesAgo}</span>
        <span>
          {texts.highest} {props.format(highest)}
        </span>
        <span>{texts.now}</span>
      </p>
      <ul class="legend">
        {props.lines.map((line, index) => (
          <li key={line.name}>
            <svg viewBox="0 0 24 6" aria-hidden="true">
              <path class={`line line-${index}`} d="M0 3H24" />
            </svg>
            {line.name} <strong>{newest[index] === undefined ? "–" : props.format(newest[index])}</strong>
          </li>
        ))}
      </ul>
    </figure>
  );
}

/** The upper end of an axis: 1, 2 or 5 times a power of ten. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

function yOf(share: number): number {
  return HEIGHT - 4 - share * (HEIGHT - 8);
}

function drawLine(samples: readonly Sample[], highest: number, endMs: number): string {
  let path = "";
  let isDrawing = false;
  for (const { atMs, value } of samples) {
    if (value === undefined) {
      isDrawing = false;
      continue;
    }
    const x = WIDTH * (1 - (endMs - atMs) / SPAN_MS);
    const y = yOf(Math.min(1, value / highest));
    path += `${isDrawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    // One point alone would be invisible.
    if (!isDrawing) path += "h0.1";
    isDrawing = true;
  }
  return path;
}
