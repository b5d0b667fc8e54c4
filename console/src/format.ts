/** Numbers, sizes, durations and moments as an operator reads them, in the language of the page. */
import type { Language } from "./texts/index.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function formatCount(value: number, language: Language): string {
  return new Intl.NumberFormat(language).format(value);
}

export function formatRate(value: number | undefined, language: Language): string {
  if (value === undefined) return "–";
  const digits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(
    value,
  );
}

export function formatBytes(bytes: number, language: Language): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  const digits = unit > 0 && value < 100 ? 1 : 0;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${UNITS[unit]}`;
}

/** A duration in seconds: in milliseconds below one second; beyond the last bound of the hub's ranges "> 10 s". */
export function formatDuration(seconds: number | undefined, language: Language): string {
  if (seconds === undefined) return "–";
  if (seconds === Infinity) return "> 10 s";
  const [value, unit] = seconds < 1 ? [seconds * 1_000, "ms"] : [seconds, "s"];
  const digits = value < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${unit}`;
}

/** A time of day to the second. */
export function formatTime(at: string | number, language: Language): string {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return String(at);
  return new Intl.DateTimeFormat(language, { timeStyle: "medium" }).format(moment);
}

export function formatMoment(at: string | number, language: Language): string {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return String(at);
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(moment);
}

/** How long a process runs: the two largest of days, hours and minutes. */
export function formatUptime(milliseconds: number, language: Language): string {
  const minutes = Math.max(0, Math.floor(milliseconds / 60_000));
  const days = Math.floor(minutes / 1_440);
  const hours = Math.floor((minutes % 1_440) / 60);
  const count = (value: number): string => formatCount(value, language);
  if (days > 0) return `${count(days)} d ${count(hours)} h`;
  if (hours > 0) return `${count(hours)} h ${count(minutes % 60)} min`;
  return `${count(minutes)} min`;
}
