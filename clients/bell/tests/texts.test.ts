import { expect, test } from "vitest";
import { createAge } from "../src/age.js";
import { findLanguage } from "../src/language.js";
import { readLink } from "../src/link.js";
import { describeStatus } from "../src/panel.js";
import { chooseTexts } from "../src/texts.js";

const PAGE = "https://app.example.com/orders/";

test("a link leads to http and https alone, whatever stands in front of a scheme", () => {
  const hrefs = (link: unknown) => readLink(link, PAGE)?.href;
  expect(hrefs("/orders/7?x=1#top")).toBe("https://app.example.com/orders/7?x=1#top");
  expect(readLink("7", PAGE)).toEqual({ href: "https://app.example.com/orders/7", foreign: false });
  expect(readLink("https://shop.example.com/7", PAGE)).toEqual({ href: "https://shop.example.com/7", foreign: true });
  const harmful = [
    "javascript:alert(1)",
    " \tJaVa\nScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "blob:https://app.example.com/1",
  ];
  for (const link of [...harmful, "file:///etc/passwd", "http://[", "", undefined, null, 7, {}])
    expect(hrefs(link)).toBeUndefined();
});

test("an age is said in the language, from now to a date, and never lies in the future", () => {
  const nowMs = Date.parse("2026-11-26T12:00:00Z");
  const say = (language: string, agoMs: number) =>
    createAge(language, chooseTexts(language).now).say(new Date(nowMs - agoMs).toISOString(), nowMs);
  const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
  expect([-day, 59_999, minute, hour, day, 6 * day].map((agoMs) => say("pt-BR", agoMs))).toEqual([
    "agora",
    "agora",
    "há 1 min.",
    "há 1 h",
    "ontem",
    "há 6 dias",
  ]);
  expect([0, 3 * minute, 2 * hour, day].map((agoMs) => say("en", agoMs))).toEqual([
    "now",
    "3 min. ago",
    "2 hr. ago",
    "yesterday",
  ]);
  expect(say("en", 30 * day)).toContain("2026");
});

test("a timestamp or a language tag that is not one breaks nothing", () => {
  const age = createAge("not a tag!", "now");
  expect([age.say("yesterday-ish", 0), age.sayMoment("")]).toEqual(["", ""]);
  expect(age.say(new Date(0).toISOString(), 120_000)).toBe("2 min. ago");
});

test("Portuguese in each region, English for all others, and single texts of the page's own", () => {
  expect(["pt", "pt-BR", "PT-pt", "ptolemaic", "en", "de", ""].map((tag) => chooseTexts(tag).now)).toEqual([
    ...["agora", "agora", "agora"],
    ...["now", "now", "now", "now"],
  ]);
  expect(chooseTexts("pt", { empty: "Nada." })).toEqual({ ...chooseTexts("pt"), empty: "Nada." });
  expect([chooseTexts("pt").unread(1, false), chooseTexts("pt").unread(999, true)]).toEqual([
    "1 não lida",
    "mais de 999 não lidas",
  ]);
});

test("the connection is described in the bell's language, and a reason that it does not know by its own message", () => {
  const status = { state: "reconnecting", transport: null, attempt: 1, retryAt: null } as const;
  const offline = { code: "offline", message: "Sem internet.", terminal: false } as const;
  const english = chooseTexts("en");
  expect(describeStatus({ ...status, reason: offline }, english)).toBe(
    "No internet. Notifications return with the connection.",
  );
  expect(describeStatus({ ...status, reason: { ...offline, code: "newer" as "offline" } }, english)).toBe(
    "Sem internet.",
  );
  expect(describeStatus({ ...status, reason: null }, english)).toBe("Connecting…");
  expect(describeStatus(undefined, english)).toBe("Connecting…");
  expect(describeStatus({ ...status, state: "connected", reason: null }, english)).toBe("Live");
});

test("the language is the nearest one that is said, also outside of a shadow root", () => {
  document.documentElement.lang = "pt-BR";
  document.body.innerHTML = `<p></p><div lang="en"><b></b></div><div lang=""><i></i></div>`;
  const root = document.querySelector("div")!.attachShadow({ mode: "open" });
  root.append(document.createElement("u"));
  const found = (node: Element | null) => findLanguage(node!);
  expect(found(document.querySelector("p"))).toBe("pt-BR");
  expect(found(root.querySelector("u"))).toBe("en");
  expect(found(document.querySelector("i"))).toBe("");
  expect(findLanguage(document.createElement("p"))).toBe("pt-BR");
});
