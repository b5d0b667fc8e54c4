import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMoment,
  formatRate,
  formatTime,
  formatUptime,
} from "../src/format.js";
import { chooseLanguage, TEXTS } from "../src/texts/index.js";

describe("languages", () => {
  it("have the same texts, none of them empty", () => {
    expect(Object.keys(TEXTS["pt-BR"]).sort()).toEqual(Object.keys(TEXTS.en).sort());
    for (const texts of Object.values(TEXTS))
      expect(Object.values(texts).filter((text) => text.trim() === "")).toEqual([]);
  });

  it("are chosen by the browser's own, English where it has neither", () => {
    expect(chooseLanguage(["pt"])).toBe("pt-BR");
    expect(chooseLanguage(["de-DE", "pt-PT", "en"])).toBe("pt-BR");
    expect(chooseLanguage(["de"])).toBe("en");
    expect(chooseLanguage([])).toBe("en");
  });
});

describe("formats", () => {
  it("follow the language", () => {
    expect(formatCount(1234567, "en")).toBe("1,234,567");
    expect(formatCount(1234567, "pt-BR")).toBe("1.234.567");
    expect(formatRate(1.25, "pt-BR")).toBe("1,3");
    expect(formatRate(12345.6, "en")).toBe("12,346");
    expect(formatRate(undefined, "en")).toBe("–");
  });

  it("write sizes and durations with a unit that can be read", () => {
    expect(formatBytes(512, "en")).toBe("512 B");
    expect(formatBytes(1536, "en")).toBe("1.5 KiB");
    expect(formatBytes(3 * 2 ** 40, "en")).toBe("3 TiB");
    expect(formatDuration(0.00042, "en")).toBe("0.4 ms");
    expect(formatDuration(0.25, "en")).toBe("250 ms");
    expect(formatDuration(2.5, "en")).toBe("2.5 s");
    expect(formatDuration(Infinity, "en")).toBe("> 10 s");
    expect(formatDuration(undefined, "en")).toBe("–");
    expect(formatUptime(90 * 60_000, "en")).toBe("1 h 30 min");
    expect(formatUptime(50 * 3_600_000, "en")).toBe("2 d 2 h");
    expect(formatUptime(-5, "en")).toBe("0 min");
  });

  it("show a moment that is none as it is", () => {
    expect(formatTime("soon", "en")).toBe("soon");
    expect(formatMoment("soon", "en")).toBe("soon");
    expect(formatMoment("2026-11-22T14:03:07.125Z", "en")).toContain("2026");
  });
});
