/** Draws the Grafana dashboard of deploy/: its panels, places and queries, with what a real Prometheus answers. */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { findPort, ROOT, until } from "../../tests/e2e/programs.mjs";

const FILE = path.join(ROOT, "deploy/grafana/dashboards/hub.json");
const SCRAPE_S = 1;
const RATE = "15s";
const SPAN_S = 70;
const COLUMN = 40;
const ROW = 26;
const GAP = 6;
const COLOURS = ["#2a6fdb", "#c4520a", "#1c8a4f", "#8646b5", "#b3261e", "#0d7f8c", "#8a6d00", "#5f6673"];
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeText = (text) => text.replace(/[&<>"]/g, (character) => ESCAPES[character]);
const SIZES = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];
const FORMATS = {
  s: (value) => (value < 1 ? `${(value * 1e3).toPrecision(2) * 1} ms` : `${Math.round(value)} s`),
  bytes: (value) => `${Math.round(value / 2 ** 20)} MiB`,
  percentunit: (value) => `${Number((value * 100).toPrecision(2))} %`,
  ops: (value) => `${shorten(value)}/s`,
};

/** Start Debian's Prometheus on what a hub reports; return its address and its end. */
export async function watch(folder, metricsPort) {
  const port = await findPort();
  const file = path.join(folder, "prometheus.yml");
  const target = { targets: [`127.0.0.1:${metricsPort}`], labels: { instance: "hub-1" } };
  const job = { job_name: "hub", static_configs: [target] };
  await writeFile(
    file,
    JSON.stringify({
      global: { scrape_interval: `${SCRAPE_S}s` },
      scrape_configs: [job],
    }),
  );
  const storage = `--storage.tsdb.path=${path.join(folder, "tsdb")}`;
  const process = spawn("prometheus", [`--config.file=${file}`, `--web.listen-address=127.0.0.1:${port}`, storage], {
    stdio: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await ask(url, 'up{job="hub"} == 1')).length > 0, "a scrape");
  return { url, end: () => process.kill() };
}

/** Draw the dashboard into a page, from the row `first` up to the row `last`. */
export async function draw(page, url, { first, last }) {
  const { panels, title } = JSON.parse(await readFile(FILE, "utf8"));
  const from = panels.findIndex((panel) => panel.title === first);
  const to = panels.findIndex((panel) => panel.title === last);
  const shown = panels.slice(from, to);
  const top = shown[0].gridPos.y;
  const drawn = await Promise.all(shown.map((panel) => drawPanel(panel, url, top)));
  const height = Math.max(...shown.map(({ gridPos }) => (gridPos.y - top + gridPos.h) * (ROW + GAP))) + 50;
  await page.setViewportSize({ width: 24 * (COLUMN + GAP) + GAP, height });
  await page.setContent(
    `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><h1>${escapeText(title)}</h1>${drawn.join("")}`,
  );
}

async function ask(url, query, range) {
  const parameters = new URLSearchParams({ query, ...range });
  const answer = await fetch(`${url}/api/v1/query${range ? "_range" : ""}?${parameters}`).catch(() => undefined);
  if (answer === undefined) return [];
  const { status, data, error } = await answer.json();
  if (status !== "success") throw new Error(`${query}: ${error}`);
  return data.result;
}

async function drawPanel(panel, url, top) {
  const { x, y, w, h } = panel.gridPos;
  const place =
    `left:${x * (COLUMN + GAP) + GAP}px;top:${(y - top) * (ROW + GAP) + 50}px;` +
    `width:${w * (COLUMN + GAP) - GAP}px;height:${h * (ROW + GAP) - GAP}px`;
  const name = escapeText(panel.title);
  if (panel.type === "row") return `<h2 style="${place}">${name}</h2>`;
  const { unit } = panel.fieldConfig.defaults;
  const lines = (await Promise.all(panel.targets.map((target) => readLines(target, url)))).flat();
  const body = panel.type === "stat" ? drawStat(panel, lines, unit) : drawLines(lines, unit, w, h);
  return `<section style="${place}"><h3>${name}</h3>${body}</section>`;
}

async function readLines({ expr, legendFormat }, url) {
  const endS = Date.now() / 1e3;
  const query = expr.replaceAll("$instance", ".*").replaceAll("$__rate_interval", RATE);
  const found = await ask(url, query, { start: endS - SPAN_S, end: endS, step: SCRAPE_S });
  return found.map(({ metric, values }) => ({
    name: (legendFormat ?? "").replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? ""),
    samples: values
      .map(([atS, value]) => [(atS - endS) / SPAN_S + 1, Number(value)])
      .filter(([, value]) => Number.isFinite(value)),
  }));
}

function drawStat(panel, lines, unit) {
  const mappings = panel.fieldConfig.defaults.mappings ?? [];
  const value = lines[0]?.samples.at(-1)?.[1];
  const text = mappings.find((each) => each.type === "value")?.options[String(value)]?.text;
  return `<p class="stat">${value === undefined ? "–" : escapeText(text ?? format(value, unit))}</p>`;
}

function drawLines(lines, unit, w, h) {
  const width = w * (COLUMN + GAP) - 90;
  const height = h * (ROW + GAP) - 85;
  const highest = Math.max(...lines.flatMap(({ samples }) => samples.map(([, value]) => value)), 0) || 1;
  const paths = lines.map(({ samples }, index) => {
    const points = samples.map(
      ([at, value]) => `${(at * width).toFixed(1)} ${((1 - value / highest) * height).toFixed(1)}`,
    );
    return `<path d="M${points.join("L")}" stroke="${COLOURS[index % COLOURS.length]}"/>`;
  });
  const legend = lines.slice(0, COLOURS.length).map(({ name, samples }, index) => {
    const newest = samples.at(-1)?.[1];
    const value = newest === undefined ? "–" : format(newest, unit);
    return `<li style="--colour:${COLOURS[index]}">${escapeText(name)} <b>${value}</b></li>`;
  });
  const grid = [0, 0.5, 1].map((share) => `<path d="M0 ${share * height}H${width}" class="grid"/>`);
  return (
    `<div class="plot"><span>${format(highest, unit)}</span><span>0</span>` +
    `<svg width="${width}" height="${height + 4}" viewBox="0 -2 ${width} ${height + 4}">${grid.join("")}${paths.join("")}</svg></div>` +
    `<ul>${legend.join("")}</ul>`
  );
}

function format(value, unit) {
  return (FORMATS[unit] ?? shorten)(value);
}

function shorten(value) {
  const [size, letter] = SIZES.find(([each]) => Math.abs(value) >= each) ?? [1, ""];
  return `${Number((value / size).toPrecision(3))}${letter}`;
}

const STYLE = `
body { margin: 0; background: #f4f5f7; color: #1d2129; font: 12px sans-serif; }
h1 { margin: 12px; font-size: 18px; }
h2, section { position: absolute; box-sizing: border-box; overflow: hidden; margin: 0; }
h2 { font-size: 14px; padding: 4px; }
section { background: #fff; border: 1px solid #d9dce1; border-radius: 3px; padding: 6px 8px; }
h3 { margin: 0 0 6px; font-size: 12px; }
.stat { margin: 0; font-size: 26px; text-align: center; line-height: 70px; color: #1c8a4f; }
.plot { display: grid; grid-template: auto 1fr auto / 60px 1fr; text-align: right; gap: 0 8px; color: #5f6673; }
.plot svg { grid-area: 1 / 2 / 4 / 3; } .plot span { grid-column: 1; } .plot span:nth-child(2) { grid-row: 3; }
path { fill: none; stroke-width: 1.6; } .grid { stroke: #e4e6ea; stroke-width: 1; }
ul { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 4px 0 0 60px; padding: 0; list-style: none; }
li::before { content: ""; display: inline-block; width: 12px; height: 3px; margin: 0 5px 3px 0; background: var(--colour); }
`;
