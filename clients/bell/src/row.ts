/** One notification of the list. Made once for each id, and changed in place: what has the focus stays in the page. */
import type { Notification } from "@notification-hub/client";
import type { Age } from "./age.js";
import { make, makeButton, setAttribute, setHidden, setText } from "./dom.js";
import { ARCHIVE, CHECK, DOT, drawIcon, findLook } from "./icons.js";
import { readLink } from "./link.js";
import type { InboxNotification } from "@notification-hub/client/inbox";
import type { Texts } from "./texts.js";

/** What a click on a control asks for. */
export type Action = "open" | "toggle" | "archive";

export type Item = InboxNotification;

export interface Row {
  readonly node: HTMLLIElement;
  /** Draw it; an archived one is done with, and has no actions. */
  update(item: Item, archived: boolean): void;
  updateAge(nowMs: number): void;
  /** In order. */
  controls(): HTMLElement[];
}

/** Return the title as a link where the notification has a safe one, else as a button. */
export function makeTitle(notification: Notification, texts: Texts): HTMLElement {
  const { title, message, link } = notification;
  const safe = readLink(link);
  const text = make("span", { dir: "auto" });
  // A control needs a name, and a title may be blank.
  text.textContent = title.trim() ? title : message.trim() ? message : texts.notifications;
  const attributes = { class: "title", part: "title", "data-action": "open" };
  if (!safe) return makeButton(attributes, text);
  const away = safe.foreign ? { target: "_blank", rel: "noopener noreferrer" } : {};
  const anchor = make("a", { ...attributes, href: safe.href, ...away }, text);
  if (safe.foreign) anchor.append(make("span", { class: "unseen" }, ` (${texts.newTab})`));
  return anchor;
}

/** Return the sign of a notification's type. */
export function makeSign(type: string): HTMLElement {
  const { path, tone } = findLook(type);
  return make("span", { class: `sign ${tone}`, part: "sign", "aria-hidden": "true" }, drawIcon(path));
}

/** Return the message, whose direction is its own text's. */
export function makeMessage(message: string): HTMLElement {
  const paragraph = make("p", { dir: "auto", part: "message" });
  paragraph.textContent = message;
  return paragraph;
}

/** Return the row of a notification. */
export function createRow(item: Item, texts: Texts, age: Age): Row {
  const title = makeTitle(item, texts);
  const unread = make("span", { class: "unseen" }, `${texts.isUnread}. `);
  const time = make("time", { datetime: item.timestamp, title: age.sayMoment(item.timestamp), part: "time" });
  const toggle = makeButton({ class: "icon", part: "action", "data-action": "toggle" });
  const archive = makeButton(
    { class: "icon", part: "action", "data-action": "archive", "aria-label": texts.archive, title: texts.archive },
    drawIcon(ARCHIVE),
  );
  const body = make("div", { class: "body" }, unread, title, makeMessage(item.message), time);
  const actions = make("span", { class: "bell-actions" }, toggle, archive);
  const node = make("li", { part: "item", "data-id": item.id }, makeSign(item.type), body, actions);
  let drawn: string | undefined;

  return {
    node,
    update: ({ read: wasRead }, archived) => {
      const read = wasRead || archived;
      if (drawn === `${read} ${archived}`) return;
      drawn = `${read} ${archived}`;
      setHidden(actions, archived);
      node.className = read ? "is-read" : "is-unread";
      setAttribute(node, "part", read ? "item" : "item unread");
      setHidden(unread, read);
      const label = read ? texts.markUnread : texts.markRead;
      setAttribute(toggle, "aria-label", label);
      toggle.title = label;
      toggle.replaceChildren(drawIcon(read ? DOT : CHECK));
    },
    updateAge: (nowMs) => setText(time, age.say(item.timestamp, nowMs)),
    controls: () => (actions.hidden ? [title] : [title, toggle, archive]),
  };
}
