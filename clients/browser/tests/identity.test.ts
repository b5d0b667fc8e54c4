import { expect, test } from "vitest";
import { nameIdentity } from "../src/identity.js";
import { token } from "./fakes.js";

test("the name is the user's, whatever token says so", () => {
  const name = nameIdentity("https://hub", token("u", "a", 1), undefined);
  expect(nameIdentity("https://hub", token("u", "a", 2), undefined)).toBe(name);
  expect(name).toMatch(/^[0-9a-z]{5,11}$/);
});

test("another user, another account or another hub is another name", () => {
  const others = [
    nameIdentity("https://hub", token("u", "a"), undefined),
    nameIdentity("https://hub", token("v", "a"), undefined),
    nameIdentity("https://hub", token("u", "b"), undefined),
    nameIdentity("https://other", token("u", "a"), undefined),
  ];
  expect(new Set(others).size).toBe(4);
});

test("a ticket names no user, unless the page does", () => {
  expect(nameIdentity("https://hub", "hubt_abc", undefined)).toBeUndefined();
  expect(nameIdentity("https://hub", "hubt_abc", "somebody")).toBeDefined();
});

test("the user's id does not stand in the name", () => {
  expect(nameIdentity("https://hub", token("00000000191", "12345678000190"), undefined)).not.toContain("191");
});
