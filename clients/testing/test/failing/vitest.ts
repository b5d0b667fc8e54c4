import { test } from "../../src/vitest.js";

test("fails", ({ hub }) => {
  throw new Error(`the test itself fails at ${hub.url}`);
});
