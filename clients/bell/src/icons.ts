/** The bell's drawings, each one path of a 24 by 24 grid. */

const SVG = "http://www.w3.org/2000/svg";

export const BELL = "M6 9a6 6 0 0 1 12 0c0 6 2.5 7 2.5 7h-17S6 15 6 9ZM10 19.5a2.2 2.2 0 0 0 4 0";
export const CHECK = "m5 12.5 4.5 4.5L19 7.5";
export const DOT = "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z";
export const CROSS = "m7 7 10 10M17 7 7 17";
export const ARCHIVE = "M4 5h16v4H4V5Zm1.5 4v10h13V9M10 13h4";
export const SLIDERS = "M4 7h9m5 0h2M4 17h2m5 0h9M15.5 4.5v5m-7 5v5";

const BAG = "M5 8h14l-1 12H6L5 8Zm4 0V6.5a3 3 0 0 1 6 0V8";
const BOX = "m4 8 8-4 8 4v8l-8 4-8-4V8Zm0 0 8 4 8-4m-8 4v8";
const CARD = "M3.5 6.5h17v11h-17v-11Zm0 4h17M7 14.5h3";
const TRUCK = "M3 7h11v9H3V7Zm11 3h4l3 3v3h-7v-6ZM7.5 18.5a1.5 1.5 0 1 0 0-.1m9 .1a1.5 1.5 0 1 0 0-.1";
const WARNING = "m12 4.5 8.5 14.5h-17L12 4.5Zm0 5.5v4m0 2.5v.1";
const RETURN = "M8 8H4V4m0 4a8.5 8.5 0 1 1-.3 6";
const SPEECH = "M4 5h16v11H9l-5 4V5Z";
const INFO = "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 7v5m0-8v.1";

/** By what the type's name begins with, so that a company's own types find one too. */
const LOOKS: readonly [prefix: string, path: string, tone: string][] = [
  ["order_updated", TRUCK, "blue"],
  ["order", BAG, "blue"],
  ["payment", CARD, "green"],
  ["transaction", CARD, "green"],
  ["stock", WARNING, "amber"],
  ["product", BOX, "violet"],
  ["cart", BAG, "violet"],
  ["return", RETURN, "amber"],
  ["replacement", TRUCK, "blue"],
  ["defective", WARNING, "amber"],
  ["exchange", RETURN, "green"],
  ["whatsapp", SPEECH, "green"],
];

/** Return a drawing that assistive technology skips. */
export function drawIcon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** Return the drawing of a notification's type, and its tone. */
export function findLook(type: string): { path: string; tone: string } {
  const [, path, tone] = LOOKS.find(([prefix]) => type.startsWith(prefix)) ?? ["", INFO, "blue"];
  return { path, tone };
}
