import { useEffect, useState } from "react";

const EVERY_MS = 15_000;
const WORDS = new Intl.RelativeTimeFormat("pt-BR", { numeric: "auto", style: "short" });

/** Return the moment (Unix time in ms), again every few seconds. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

/** Say how long ago a timestamp was: `agora`, `há 3 min`, `ontem`. */
export function sayAge(timestamp: string, nowMs: number): string {
  const minutes = Math.floor((nowMs - Date.parse(timestamp)) / 60_000);
  if (minutes < 1) return "agora";
  if (minutes < 60) return WORDS.format(-minutes, "minute");
  if (minutes < 1440) return WORDS.format(-Math.floor(minutes / 60), "hour");
  return WORDS.format(-Math.floor(minutes / 1440), "day");
}
