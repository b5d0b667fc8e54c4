import { afterEach, describe, expect, it, vi } from "vitest";
import { DEADLINE_MS, get, type HubFailure, hubUrl, post } from "../src/hub.js";
import { pauseMs } from "../src/watch.js";

vi.stubGlobal("document", { baseURI: "https://x.example/tools/hub/console/" });

afterEach(() => {
  vi.useRealTimers();
});

/** Let every request get this, and return what was asked. */
function answer(make: (options: RequestInit) => Promise<Response>): [string, RequestInit][] {
  const asked: [string, RequestInit][] = [];
  vi.stubGlobal("fetch", (url: string, options: RequestInit) => {
    asked.push([url, options]);
    return make(options);
  });
  return asked;
}

async function failureOf(asking: Promise<unknown>): Promise<HubFailure> {
  return asking.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: unknown) => error as HubFailure,
  );
}

describe("requests", () => {
  it("stay below the path under which a proxy serves the hub", () => {
    expect(hubUrl("/api/internal/observe")).toBe("https://x.example/tools/hub/api/internal/observe");
    expect(hubUrl("/schema/openapi.json", "http://h/console/#/feed")).toBe("http://h/schema/openapi.json");
  });

  it("carry the key in a header and nowhere else", async () => {
    const asked = answer(async () => Response.json({ id: "1" }));
    await post("hubk_secret", "/api/internal/notify", "{}", "once");
    const [url, options] = asked[0]!;
    expect(url).not.toContain("hubk_");
    expect(options.headers).toMatchObject({ authorization: "Bearer hubk_secret", "idempotency-key": "once" });
    expect([options.credentials, options.redirect, options.cache]).toEqual(["omit", "error", "no-store"]);
  });

  it("fail with the hub's own problem, or without one where a proxy responds", async () => {
    answer(async () => Response.json({ code: "forbidden", title: "No" }, { status: 403 }));
    const refused = await failureOf(get("k", "/x"));
    expect([refused.kind, refused.status, refused.problem?.code]).toEqual(["refused", 403, "forbidden"]);
    answer(async () => new Response("<html>", { status: 502 }));
    const foreign = await failureOf(get("k", "/x"));
    expect([foreign.kind, foreign.status, foreign.problem]).toEqual(["refused", 502, undefined]);
  });

  it("tell a hub that is not there from one that is slow", async () => {
    answer(async () => Promise.reject(new TypeError("network")));
    expect((await failureOf(get("k", "/x"))).kind).toBe("unreachable");
    vi.useFakeTimers();
    answer(
      (options) =>
        new Promise((_, reject) =>
          options.signal?.addEventListener("abort", () => reject(new DOMException("", "AbortError"))),
        ),
    );
    const slow = failureOf(get("k", "/x"));
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    expect((await slow).kind).toBe("slow");
  });

  it("do not wait for ever for a body, and do not take one that is not JSON", async () => {
    answer(async () => new Response("no json"));
    expect((await failureOf(get("k", "/x"))).kind).toBe("unreachable");
    vi.useFakeTimers();
    answer(async () => new Response(new ReadableStream({})));
    const slow = failureOf(get("k", "/x"));
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    expect((await slow).kind).toBe("slow");
  });
});

describe("pauses between attempts", () => {
  it("grow with each attempt up to a bound, and differ", () => {
    expect([1, 2, 3, 4, 5, 50].map((attempt) => pauseMs(attempt, () => 1))).toEqual([
      1_000, 2_000, 4_000, 8_000, 15_000, 15_000,
    ]);
    expect(pauseMs(3, () => 0)).toBe(2_000);
  });
});
