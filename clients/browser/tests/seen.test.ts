import { expect, test } from "vitest";
import { createSeen } from "../src/seen.js";

test("an id is new once, as long as it is among the last 2,048", () => {
  const isNew = createSeen();
  expect([isNew("a"), isNew("a"), isNew("b")]).toEqual([true, false, true]);
  for (let number = 0; number < 2_047; number++) isNew(String(number));
  expect([isNew("b"), isNew("a")]).toEqual([false, true]);
});
