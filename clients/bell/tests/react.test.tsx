import { act, StrictMode } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { NotificationBellElement } from "../src/index.js";
import { NotificationBell } from "../src/react.js";
import { drawn, notification, standIn } from "./stand-in.js";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
let place: HTMLElement;
beforeEach(() => document.body.append((place = document.createElement("div"))));
afterEach(() => place.remove());
const bell = (): NotificationBellElement => place.querySelector("notification-bell")!;

test("it gives the element the hub, the attributes and the texts, also under StrictMode, and takes them away", async () => {
  const hub = standIn();
  const root = createRoot(place);
  const texts = { notifications: "Avisos" };
  await act(() =>
    root.render(
      <StrictMode>
        <NotificationBell hub={hub} lang="pt" theme="dark" toasts className="mine" texts={texts} />
      </StrictMode>,
    ),
  );
  expect(bell().outerHTML).toBe(
    `<notification-bell class="mine" lang="pt" theme="dark" toasts="bottom-end"></notification-bell>`,
  );
  expect([bell().hub, bell().texts]).toEqual([hub, texts]);
  await act(() => root.render(<NotificationBell hub={hub} />));
  expect(bell().outerHTML).toBe("<notification-bell></notification-bell>");
  hub.receive(notification(1));
  await drawn();
  expect(bell().shadowRoot!.querySelector(".bell-badge")!.textContent).toBe("1");
  await act(() => root.unmount());
  expect(hub.calls.filter((call) => call === "close")).toEqual([]);
});

test("it calls the newest handlers, and false takes the click over", async () => {
  const hub = standIn("connected");
  const root = createRoot(place);
  const [first, second, toggled] = [vi.fn(), vi.fn(() => false), vi.fn()];
  await act(() => root.render(<NotificationBell hub={hub} onOpen={first} />));
  await act(() => root.render(<NotificationBell hub={hub} onOpen={second} onToggle={toggled} />));
  hub.receive(notification(1, { link: "/orders/1" }));
  bell().open = true;
  const prevented: boolean[] = [];
  bell().shadowRoot!.addEventListener("click", (event) => prevented.push(event.defaultPrevented));
  bell().shadowRoot!.querySelector<HTMLElement>("a.title")!.click();
  expect([first.mock.calls, second.mock.calls.length, prevented, toggled.mock.calls]).toEqual([
    [],
    1,
    [true],
    [[true], [false]],
  ]);
  await act(() => root.unmount());
});

test("a page that a server rendered is hydrated without a warning, with and without its template", async () => {
  const reported = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const hub = standIn("connected");
  const html = renderToString(<NotificationBell hub={hub} lang="en" />);
  // A parser that knows declarative shadow roots has taken the template away; an older one has left it.
  for (const rendered of [html.replace(/<template.*<\/template>/s, ""), html]) {
    place.innerHTML = rendered;
    const element = bell();
    const root = await act(() => hydrateRoot(place, <NotificationBell hub={hub} lang="en" />));
    expect([bell() === element, element.hub, element.childNodes.length, reported.mock.calls]).toEqual([
      true,
      hub,
      0,
      [],
    ]);
    await act(() => root.unmount());
  }
  reported.mockRestore();
});

test("an icon of the page's own is in its slot", async () => {
  const root = createRoot(place);
  await act(() =>
    root.render(
      <NotificationBell hub={standIn()}>
        <i slot="icon">!</i>
      </NotificationBell>,
    ),
  );
  const [slot] = bell().shadowRoot!.querySelectorAll("slot");
  expect(slot!.assignedElements().map((element) => element.textContent)).toEqual(["!"]);
  await act(() => root.unmount());
});
