import { afterEach, expect, test } from "vitest";
import "../src/index.js";
import { drawn, notification, standIn } from "./stand-in.js";

afterEach(() => document.body.replaceChildren());

async function openBell(count: number) {
  document.body.innerHTML = `<a href="#">before</a><notification-bell lang="en" toasts></notification-bell>`;
  const bell = document.querySelector("notification-bell")!;
  const hub = standIn("connected");
  bell.hub = hub;
  const root = bell.shadowRoot!;
  hub.receive(...Array.from({ length: count }, (_, index) => notification(index + 1)));
  await drawn();
  const focused = (): string => {
    const active = root.activeElement as HTMLElement | null;
    const row = active?.closest("li")?.dataset["id"];
    return row ? `${row} ${active!.dataset["action"]}` : (active?.className ?? "none");
  };
  const press = (key: string, init: KeyboardEventInit = {}): string => {
    const target = root.activeElement ?? document.body;
    target.dispatchEvent(
      new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true, ...init }),
    );
    return focused();
  };
  return { bell, hub, root, focused, press, button: root.querySelector<HTMLElement>(".bell-button")! };
}

test("arrows, Home and End move among rows and controls, and with a modifier they are the browser's", async () => {
  const { button, press } = await openBell(3);
  button.focus();
  expect(["ArrowDown", "ArrowDown", "ArrowUp", "End", "Home"].map((key) => press(key))).toEqual([
    ...["id-3 open", "id-2 open", "id-3 open", "id-1 open", "id-3 open"],
  ]);
  expect(["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "x"].map((key) => press(key))).toEqual([
    ...["id-3 toggle", "id-3 archive", "id-3 archive", "id-3 toggle", "id-3 toggle"],
  ]);
  expect(press("ArrowDown", { ctrlKey: true })).toBe("id-3 toggle");
});

test("a row that goes hands the focus to the one in its place, the last one to the panel", async () => {
  const { button, press, root, bell } = await openBell(2);
  button.focus();
  expect(["ArrowDown", "Delete", "Delete"].map((key) => press(key))).toEqual(["id-2 open", "id-1 open", "heading"]);
  expect(press("Escape")).toBe("bell-button");
  expect([bell.open, root.querySelector<HTMLElement>(".bell-panel")!.hidden]).toEqual([false, true]);
});

test("a click on a row is one on its title, and a click outside closes the panel", async () => {
  const { bell, root } = await openBell(1);
  bell.open = true;
  root.querySelector<HTMLElement>("li p")!.click();
  expect(root.querySelector("li")!.className).toBe("is-read");
  document.body.dispatchEvent(new Event("pointerdown", { bubbles: true, composed: true }));
  expect(bell.open).toBe(false);
});

test("the panel closes when the focus goes elsewhere in the page, and not with the window", async () => {
  const { bell, root, button } = await openBell(1);
  bell.open = true;
  button.focus();
  root.dispatchEvent(new FocusEvent("focusout", { relatedTarget: null }));
  expect(bell.open).toBe(true);
  document.querySelector("a")!.focus();
  expect(bell.open).toBe(false);
});

test("Escape closes the toast that has the focus, and the focus goes to the next one, then to the bell", async () => {
  const { root, press, focused } = await openBell(2);
  root.querySelector<HTMLElement>(".toast .icon")!.focus();
  expect([press("Escape"), focused()]).toEqual(["icon", "icon"]);
  expect([press("Escape"), root.querySelectorAll(".toast").length]).toEqual(["bell-button", 0]);
});
