import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UnauthorizedError, createTokens } from "../src/tokens.js";
import { installFakes, pass, removeFakes } from "./fakes.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

test("calls at the same time share one token, and the next call asks again", async () => {
  const getToken = vi.fn(async () => "t");
  const ask = createTokens(getToken);
  expect(await Promise.all([ask("connect"), ask("expired")])).toEqual(["t", "t"]);
  await ask("unauthorized");
  expect(getToken.mock.calls).toEqual([[{ reason: "connect" }], [{ reason: "unauthorized" }]]);
});

test("no token within 10 s is a failure of the network", async () => {
  const asked = createTokens(() => new Promise(() => undefined))("connect").catch((error: unknown) => error);
  await pass(10_000);
  expect(await asked).toMatchObject({ ending: { code: 1006 } });
});

test("no signed-in user is final, any other failure is not", async () => {
  const endings: unknown[] = [];
  for (const error of [new UnauthorizedError(), Object.assign(new Error(), { code: 4501 }), "no"]) {
    await createTokens(() => {
      throw error;
    })("connect").catch((refusal: { ending: unknown }) => endings.push(refusal.ending));
  }
  expect(endings).toEqual([{ code: 4500, retryMs: Infinity }, { code: 1006 }, { code: 1006 }]);
});

test.each(["eyJ.e30.sig", "hubt_AbC-9", "a.b~c+d/e==", " eyJ.e30.sig\r\n", "\ufeffeyJ.e30.sig\n\n"])(
  "%j is read as a token, without what a file or a template adds",
  async (given) => {
    expect(await createTokens(() => given)("connect")).toBe(given.trim());
  },
);

test.each<[unknown, string]>([
  ["<!doctype html><title>Entrar</title>", "HTML (of a login?)"],
  ['{"token":"eyJ.e30.sig"}', "JSON"],
  ['"eyJ.e30.sig"', "JSON"],
  ["Bearer eyJ.e30.sig", "invalid text"],
  ["eyJ.e30\n.sig", "invalid text"],
  ["sess\u00e3o", "invalid text"],
  ["", "nothing (string)"],
  [" \n", "nothing (string)"],
  [undefined, "nothing (undefined)"],
  [null, "nothing (object)"],
  [{ token: "eyJ.e30.sig" }, "nothing (object)"],
  [7, "nothing (number)"],
])("%j is not a valid token; the reason says what it is, and nothing of it", async (given, what) => {
  const asked = createTokens(() => given as string)("connect");
  await expect(asked).rejects.toMatchObject({ ending: { code: 2, why: `getToken gave ${what}` } });
});
