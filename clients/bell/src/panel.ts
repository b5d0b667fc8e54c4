/** The panel below the bell: its head, the tools of the list, the list, and the state of the connection. */
import type { Status } from "@notification-hub/client";
import { make, makeButton, setAttribute, setHidden, setText } from "./dom.js";
import type { List } from "./list.js";
import type { Texts } from "./texts.js";

export interface PanelState {
  onlyUnread: boolean;
  unreadCount: number;
  count: number;
  status: Status | undefined;
}

export interface PanelHandlers {
  filter(onlyUnread: boolean): void;
  markAllRead(): void;
  clear(): void;
  retry(): void;
}

export interface Panel {
  readonly node: HTMLElement;
  render(state: PanelState): void;
  takeFocus(): void;
}

/** Return the words for a connection; they say what is, and alarm nobody. */
export function describeStatus(status: Status | undefined, texts: Texts): string {
  if (status?.state === "connected") return texts.live;
  return status?.reason ? (texts.reasons[status.reason.code] ?? status.reason.message) : texts.connecting;
}

/** Return the panel around a list. `clearText` names what happens to all of them. */
export function createPanel(list: List, texts: Texts, clearText: string, handlers: PanelHandlers): Panel {
  const heading = make(
    "div",
    { class: "heading", id: "heading", tabindex: "-1", part: "heading" },
    texts.notifications,
  );
  const all = makeButton({ class: "filter", part: "filter" }, texts.all);
  const unread = makeButton({ class: "filter", part: "filter" }, texts.onlyUnread);
  // Not `disabled`: that would take the focus away from who has just used it.
  const markAll = makeButton({ class: "quiet", part: "mark-all" }, texts.markAllRead);
  const clear = makeButton({ class: "quiet", part: "clear" }, clearText);
  const state = make("span", { part: "status" });
  const retry = makeButton({ class: "quiet", part: "retry" }, texts.retry);
  const head = make("div", { class: "head", part: "head" }, heading, all, unread);
  const tools = make("div", { class: "tools", part: "tools" }, markAll, clear);
  const foot = make("div", { class: "foot", part: "foot" }, state, retry);
  const node = make(
    "section",
    { class: "bell-panel", part: "panel", id: "panel", popover: "manual", "aria-labelledby": "heading", hidden: "" },
    head,
    tools,
    list.node,
    foot,
  );
  const onClick = (button: HTMLElement, act: () => void): void =>
    button.addEventListener("click", () => button.getAttribute("aria-disabled") === "true" || act());
  onClick(all, () => handlers.filter(false));
  onClick(unread, () => handlers.filter(true));
  onClick(markAll, handlers.markAllRead);
  onClick(clear, handlers.clear);
  onClick(retry, handlers.retry);

  return {
    node,
    render: ({ onlyUnread, unreadCount, count, status }) => {
      setAttribute(all, "aria-pressed", String(!onlyUnread));
      setAttribute(unread, "aria-pressed", String(onlyUnread));
      setAttribute(markAll, "aria-disabled", String(!unreadCount));
      setAttribute(clear, "aria-disabled", String(!count));
      setText(state, describeStatus(status, texts));
      const hadFocus = (node.getRootNode() as ShadowRoot).activeElement === retry;
      setHidden(retry, !status?.reason?.terminal);
      if (hadFocus && retry.hidden) heading.focus();
    },
    takeFocus: () => heading.focus(),
  };
}
