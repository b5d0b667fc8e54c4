/** How long ago something was, in a language: `agora`, `há 3 min`, `ontem`, and after a week the date. */

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

export interface Age {
  /** Say the age of a timestamp (ISO 8601); empty where it is not one. */
  say(timestamp: string, nowMs: number): string;
  /** Say the moment in full. */
  sayMoment(timestamp: string): string;
}

/** Return what says ages in a language; a tag that is not one is read as English. */
export function createAge(language: string, now: string): Age {
  const locale = findLocale(language);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
  return {
    say: (timestamp, nowMs) => {
      const ageMs = nowMs - Date.parse(timestamp);
      if (Number.isNaN(ageMs)) return "";
      // A clock that is behind the hub's must not show the future.
      if (ageMs < MINUTE_MS) return now;
      if (ageMs < HOUR_MS) return relative.format(-Math.floor(ageMs / MINUTE_MS), "minute");
      if (ageMs < DAY_MS) return relative.format(-Math.floor(ageMs / HOUR_MS), "hour");
      if (ageMs < WEEK_MS) return relative.format(-Math.floor(ageMs / DAY_MS), "day");
      return date.format(Date.parse(timestamp));
    },
    sayMoment: (timestamp) => {
      const atMs = Date.parse(timestamp);
      return Number.isNaN(atMs) ? "" : moment.format(atMs);
    },
  };
}

function findLocale(language: string): string {
  try {
    return Intl.getCanonicalLocales(language)[0] ?? "en";
  } catch {
    return "en";
  }
}
