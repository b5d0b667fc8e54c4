import { afterEach, expect, test, vi } from "vitest";
import { defineBell, type NotificationBellElement } from "../src/index.js";
import { drawn, notification, standIn, type StandIn } from "./stand-in.js";

afterEach(() => document.body.replaceChildren());

function put(html = "<notification-bell lang='en'></notification-bell>"): NotificationBellElement {
  document.body.innerHTML = html;
  return document.querySelector("notification-bell")!;
}

function shown(bell: Element, selector: string): HTMLElement[] {
  return [...bell.shadowRoot!.querySelectorAll<HTMLElement>(selector)];
}

async function filled(count: number, html?: string): Promise<{ bell: NotificationBellElement; hub: StandIn }> {
  const bell = put(html);
  const hub = standIn("connected");
  bell.hub = hub;
  hub.receive(...Array.from({ length: count }, (_, index) => notification(index + 1)));
  await drawn();
  return { bell, hub };
}

test("the badge counts what is unread, up to 99+, and the button's name says it", async () => {
  const { bell, hub } = await filled(2);
  const [button] = shown(bell, ".bell-button");
  expect([shown(bell, ".bell-badge")[0]?.textContent, button!.getAttribute("aria-label")]).toEqual([
    "2",
    "Notifications: 2 unread",
  ]);
  hub.receive(...Array.from({ length: 98 }, (_, index) => notification(index + 3)));
  await drawn();
  expect([shown(bell, ".bell-badge")[0]?.textContent, button!.getAttribute("aria-label")]).toEqual([
    "99+",
    "Notifications: 100 unread",
  ]);
});

test("the panel lists the newest first, and reads and archives one and all", async () => {
  const { bell } = await filled(3);
  bell.open = true;
  const titles = () =>
    shown(bell, ".bell-list li").map((row) => `${row.className} ${row.querySelector(".title")!.textContent}`);
  expect(titles()).toEqual(["is-unread t3", "is-unread t2", "is-unread t1"]);
  shown(bell, "[data-action=toggle]")[1]!.click();
  expect(titles()).toEqual(["is-unread t3", "is-read t2", "is-unread t1"]);
  shown(bell, "[data-action=archive]")[0]!.click();
  expect(titles()).toEqual(["is-read t2", "is-unread t1"]);
  shown(bell, "[part=filter]")[1]!.click();
  expect(titles()).toEqual(["is-unread t1"]);
  shown(bell, "[part=mark-all]")[0]!.click();
  expect([titles(), shown(bell, ".empty")[0]!.textContent]).toEqual([[], "Everything is read."]);
  shown(bell, "[part=filter]")[0]!.click();
  shown(bell, "[part=clear]")[0]!.click();
  expect([titles(), shown(bell, ".empty")[0]!.textContent]).toEqual([[], "No notifications here."]);
  expect(shown(bell, ".bell-badge")).toEqual([]);
});

test("the archive shows what was taken off the list, without actions, and the list is back when the bell is opened again", async () => {
  const { bell } = await filled(3);
  bell.open = true;
  const titles = () => shown(bell, ".bell-list li").map((row) => row.querySelector(".title")!.textContent);
  const [archived] = shown(bell, "[part=archived]");
  archived!.click();
  expect([titles(), shown(bell, ".empty")[0]!.textContent]).toEqual([[], "Nothing is archived."]);
  archived!.click();
  shown(bell, "[data-action=archive]")[1]!.click();
  archived!.click();
  const heading = shown(bell, ".heading")[0]!;
  expect([titles(), heading.textContent, archived!.getAttribute("aria-pressed")]).toEqual([["t2"], "Archived", "true"]);
  expect([shown(bell, ".tools")[0]!.hidden, shown(bell, ".bell-actions")[0]!.hidden]).toEqual([true, true]);
  shown(bell, ".bell-list .title")[0]!.dispatchEvent(new KeyboardEvent("keydown", { key: "Delete", bubbles: true }));
  expect([titles(), shown(bell, ".bell-list li")[0]!.className]).toEqual([["t2"], "is-read"]);
  bell.open = false;
  bell.open = true;
  expect([titles(), heading.textContent, shown(bell, ".tools")[0]!.hidden]).toEqual([
    ["t3", "t1"],
    "Notifications",
    false,
  ]);
});

test("what is open follows what comes, draws hundreds once, and changes no row that stays", async () => {
  const { bell, hub } = await filled(2);
  bell.open = true;
  const before = shown(bell, ".bell-list li");
  const inserted = vi.spyOn(Node.prototype, "insertBefore");
  hub.receive(...Array.from({ length: 50 }, (_, index) => notification(index + 3)));
  expect(inserted).not.toHaveBeenCalled();
  await drawn();
  expect(inserted).toHaveBeenCalledTimes(50);
  inserted.mockRestore();
  expect(shown(bell, ".bell-list li").slice(-2)).toEqual(before);
});

test("a text is never read as HTML, and a title that is blank gets a name", async () => {
  const { bell, hub } = await filled(0);
  const harm = "<img src=x onerror=alert(1)><script>alert(2)</script>";
  hub.receive(
    notification(1, { title: harm, message: harm, link: "javascript:alert(3)" }),
    notification(2, { title: " ", message: "m" }),
  );
  hub.receive(notification(3, { title: "", message: "" }));
  bell.toggleAttribute("toasts");
  bell.open = true;
  await drawn();
  expect(shown(bell, "img, script, a")).toEqual([]);
  expect(shown(bell, ".bell-list .title").map((title) => title.textContent)).toEqual(["Notifications", "m", harm]);
});

test("a click tells the page, marks as read, and leaves the way to a page that takes it", async () => {
  const { bell, hub } = await filled(0);
  hub.receive(notification(1, { link: "/orders/1" }));
  const opened: string[] = [];
  const events: Event[] = [];
  bell.addEventListener("notification-open", (event) => {
    opened.push(event.detail.notification.id);
    event.preventDefault();
  });
  bell.open = true;
  const [link] = shown(bell, "a.title") as HTMLAnchorElement[];
  expect([link!.href, link!.target]).toEqual([new URL("/orders/1", document.baseURI).href, ""]);
  bell.shadowRoot!.addEventListener("click", (event) => events.push(event));
  link!.click();
  expect([opened, events[0]!.defaultPrevented, bell.open, shown(bell, ".bell-badge")]).toEqual([
    ["id-1"],
    true,
    false,
    [],
  ]);
});

test("a link of another origin opens beside the page, and says so", async () => {
  const { bell, hub } = await filled(0);
  hub.receive(notification(1, { link: "https://shop.example.com/1" }));
  bell.open = true;
  const [link] = shown(bell, "a.title") as HTMLAnchorElement[];
  expect([link!.target, link!.rel, link!.textContent]).toEqual([
    "_blank",
    "noopener noreferrer",
    "t1 (opens in a new tab)",
  ]);
});

test("toasts show the newest three and count the rest; what was read elsewhere needs none", async () => {
  const { bell, hub } = await filled(0, "<notification-bell lang='en' toasts></notification-bell>");
  hub.receive(...[1, 2, 3, 4, 5].map((number) => notification(number)));
  const titles = () => shown(bell, ".toast .title").map((title) => title.textContent);
  expect([titles(), shown(bell, ".rest")[0]!.textContent]).toEqual([["t3", "t4", "t5"], "and 2 more notifications"]);
  shown(bell, ".toast [part=action]")[0]!.click();
  expect(titles()).toEqual(["t4", "t5"]);
  const { inboxOf } = await import("@notification-hub/client/inbox");
  inboxOf(hub).markRead("id-5");
  expect(titles()).toEqual(["t4"]);
  shown(bell, ".rest")[0]!.click();
  expect([titles(), bell.open]).toEqual([[], true]);
});

test("without the attribute, and while the list is open, there are no toasts", async () => {
  const { bell, hub } = await filled(1);
  expect(shown(bell, ".toast")).toEqual([]);
  bell.setAttribute("toasts", "top-end");
  bell.open = true;
  hub.receive(notification(9));
  expect(shown(bell, ".toast")).toEqual([]);
  bell.open = false;
  hub.receive(notification(10));
  expect(shown(bell, ".toast")).toHaveLength(1);
});

test("it connects an idle hub, leaves a closed one closed, and never closes one", () => {
  const bell = put();
  const [idle, closed] = [standIn("idle"), standIn("closed")];
  bell.hub = idle;
  bell.hub = closed;
  bell.remove();
  expect([idle.calls, closed.calls]).toEqual([["connect"], []]);
});

test("an address that is not valid is reported and breaks nothing", () => {
  const reported = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const hub = standIn("idle");
  hub.connect = () => {
    throw new TypeError("not an address");
  };
  put().hub = hub;
  expect(reported.mock.calls).toEqual([[new TypeError("not an address")]]);
  reported.mockRestore();
});

test("a terminal reason offers another attempt, in calm words", async () => {
  const { bell, hub } = await filled(0);
  bell.open = true;
  hub.become({ state: "closed", reason: { code: "unauthorized", message: "Acesso…", terminal: true } });
  await drawn();
  expect(shown(bell, "[part=status]")[0]!.textContent).toBe("Access was not recognized. Sign in again.");
  shown(bell, "[part=retry]")[0]!.click();
  expect(hub.calls).toEqual(["reconnect"]);
  hub.become({});
  await drawn();
  expect([shown(bell, "[part=status]")[0]!.textContent, shown(bell, "[part=retry]")[0]!.hidden]).toEqual([
    "Live",
    true,
  ]);
});

test("the language follows the element and the document, and what is open stays open", async () => {
  document.documentElement.lang = "pt-BR";
  const { bell } = await filled(1, "<notification-bell></notification-bell>");
  bell.open = true;
  const label = () => shown(bell, ".bell-button")[0]!.getAttribute("aria-label");
  expect(label()).toBe("Notificações: 1 não lida");
  document.documentElement.lang = "en";
  await drawn();
  expect([label(), bell.open, shown(bell, ".bell-list li").length]).toEqual(["Notifications: 1 unread", true, 1]);
  bell.lang = "pt";
  expect(label()).toBe("Notificações: 1 não lida");
  bell.texts = { notifications: "Avisos" };
  expect(label()).toBe("Avisos: 1 não lida");
});

test("what a page sets before the element is defined is not lost", () => {
  const early = document.createElement("early-bell") as NotificationBellElement;
  early.hub = standIn("idle");
  early.texts = { notifications: "Early" };
  document.body.append(early);
  defineBell("early-bell");
  defineBell("early-bell");
  expect([early.hub, early.shadowRoot!.querySelector("button")!.getAttribute("aria-label")]).toEqual([
    early.hub,
    "Early",
  ]);
  expect((early.hub as StandIn).calls).toEqual(["connect"]);
});

test("a bell that is moved or removed listens no more than once", async () => {
  const { bell, hub } = await filled(1);
  document.body.append(document.createElement("main"));
  document.querySelector("main")!.append(bell);
  hub.receive(notification(2));
  await drawn();
  expect(shown(bell, ".bell-badge")[0]!.textContent).toBe("2");
  bell.remove();
  hub.receive(notification(3));
  await drawn();
  expect(shown(bell, ".bell-badge")).toEqual([]);
});
