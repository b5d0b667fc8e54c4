import { test } from "../../src/playwright.js";

test("fails", ({ hub }) => {
  throw new Error(`the test itself fails at ${hub.url}`);
});
