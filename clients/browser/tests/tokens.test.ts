import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UnauthorizedError, createTokens } from "../src/tokens.js";
import { installFakes, pass, removeFakes } from "./fakes.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

test("whoever asks while the page is being asked shares the answer, and the next one asks again", async () => {
  const getToken = vi.fn(async () => "t");
  const ask = createTokens(getToken);
  expect(await Promise.all([ask("connect"), ask("expired")])).toEqual(["t", "t"]);
  await ask("unauthorized");
  expect(getToken.mock.calls).toEqual([[{ reason: "connect" }], [{ reason: "unauthorized" }]]);
});

test("a page that does not answer within 10 s is the network's failure", async () => {
  const asked = createTokens(() => new Promise(() => undefined))("connect").catch((error: unknown) => error);
  await pass(10_000);
  expect(await asked).toMatchObject({ ending: { code: 1006 } });
});

test("nobody signed in is a final answer, any other failure is not", async () => {
  const answers: unknown[] = [];
  for (const error of [new UnauthorizedError(), Object.assign(new Error(), { code: 4501 }), "no"]) {
    await createTokens(() => {
      throw error;
    })("connect").catch((refusal: { ending: unknown }) => answers.push(refusal.ending));
  }
  expect(answers).toEqual([{ code: 4500, retryMs: Infinity }, { code: 1006 }, { code: 1006 }]);
});
