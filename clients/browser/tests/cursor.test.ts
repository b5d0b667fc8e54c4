import { afterEach, beforeEach, expect, test } from "vitest";
import { keepCursor } from "../src/cursor.js";
import { installFakes, memoryStorage, pass, removeFakes } from "./fakes.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

test("the cursor is written at most once a second, and then the last one", async () => {
  const browser = memoryStorage();
  const keeper = keepCursor("k", browser, memoryStorage());
  for (const cursor of ["1", "2", "3"]) keeper.move(cursor, true);
  expect(browser.items.size).toBe(0);
  await pass(1000);
  expect(browser.items.get("k")).toBe("3");
});

test("a page that leaves writes at once", () => {
  const browser = memoryStorage();
  const keeper = keepCursor("k", browser, memoryStorage());
  keeper.move("1", true);
  keeper.flush();
  expect(browser.items.get("k")).toBe("1");
});

test("a tab that follows keeps its own place and leaves the browser's to the leader", () => {
  const [browser, tab] = [memoryStorage(), memoryStorage()];
  const keeper = keepCursor("k", browser, tab);
  keeper.move("1", false);
  keeper.flush();
  expect([tab.items.get("k"), browser.items.get("k")]).toEqual(["1", undefined]);
});

test("a reloaded tab goes on from its own place, a new one from the browser's", () => {
  const [browser, tab] = [memoryStorage(), memoryStorage()];
  browser.setItem("k", "9");
  expect(keepCursor("k", browser, memoryStorage())).toMatchObject({ current: "9", own: false });
  tab.setItem("k", "7");
  expect(keepCursor("k", browser, tab)).toMatchObject({ current: "7", own: true });
});
