/** The panel below the bell: its head, the tools of the list, the list, and the state of the connection. */
import type { Status } from "@notification-hub/client";
import { make, makeButton, setAttribute, setHidden, setText } from "./dom.js";
import { drawIcon, SLIDERS } from "./icons.js";
import type { List } from "./list.js";
import type { PreferencesPanel } from "./preferences.js";
import type { Texts } from "./texts.js";

export interface PanelState {
  onlyUnread: boolean;
  unreadCount: number;
  count: number;
  status: Status | undefined;
  /** There is something to choose, and the user is choosing. */
  canChoose: boolean;
  choosing: boolean;
}

export interface PanelHandlers {
  filter(onlyUnread: boolean): void;
  markAllRead(): void;
  clear(): void;
  choose(): void;
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
  if (status?.state === "closed" && !status.reason) return "";
  return status?.reason ? (texts.reasons[status.reason.code] ?? status.reason.message) : texts.connecting;
}

/** Return the panel around a list, and the preferences that may take its place. */
export function createPanel(list: List, preferences: PreferencesPanel, texts: Texts, handlers: PanelHandlers): Panel {
  const heading = make(
    "div",
    { class: "heading", id: "heading", tabindex: "-1", part: "heading" },
    texts.notifications,
  );
  const all = makeButton({ class: "filter", part: "filter" }, texts.all);
  const unread = makeButton({ class: "filter", part: "filter" }, texts.onlyUnread);
  // Not `disabled`: that would take the focus away from who has just used it.
  const markAll = makeButton({ class: "quiet", part: "mark-all" }, texts.markAllRead);
  const clear = makeButton({ class: "quiet", part: "clear" }, texts.archiveAll);
  const state = make("span", { part: "status" });
  const retry = makeButton({ class: "quiet", part: "retry" }, texts.retry);
  const choose = makeButton(
    {
      class: "icon",
      part: "choose",
      "aria-controls": "preferences",
      "aria-label": texts.preferences,
      title: texts.preferences,
    },
    drawIcon(SLIDERS),
  );
  const head = make("div", { class: "head", part: "head" }, heading, all, unread, choose);
  const tools = make("div", { class: "tools", part: "tools" }, markAll, clear);
  const foot = make("div", { class: "foot", part: "foot" }, state, retry);
  const node = make(
    "section",
    { class: "bell-panel", part: "panel", id: "panel", popover: "manual", "aria-labelledby": "heading", hidden: "" },
    head,
    tools,
    preferences.node,
    list.node,
    foot,
  );
  const onClick = (button: HTMLElement, act: () => void): void =>
    button.addEventListener("click", () => button.getAttribute("aria-disabled") === "true" || act());
  onClick(all, () => handlers.filter(false));
  onClick(unread, () => handlers.filter(true));
  onClick(markAll, handlers.markAllRead);
  onClick(clear, handlers.clear);
  onClick(choose, handlers.choose);
  onClick(retry, handlers.retry);

  return {
    node,
    render: ({ onlyUnread, unreadCount, count, status, canChoose, choosing }) => {
      setAttribute(choose, "aria-expanded", String(choosing));
      setText(heading, choosing ? texts.preferences : texts.notifications);
      for (const part of [all, unread, tools, list.node]) setHidden(part, choosing);
      setHidden(preferences.node, !choosing);
      setAttribute(all, "aria-pressed", String(!onlyUnread));
      setAttribute(unread, "aria-pressed", String(onlyUnread));
      setAttribute(markAll, "aria-disabled", String(!unreadCount));
      setAttribute(clear, "aria-disabled", String(!count));
      setText(state, describeStatus(status, texts));
      const focused = (node.getRootNode() as ShadowRoot).activeElement;
      setHidden(retry, !status?.reason?.terminal);
      setHidden(choose, !canChoose);
      if ((focused === retry && retry.hidden) || (focused === choose && choose.hidden)) heading.focus();
    },
    takeFocus: () => heading.focus(),
  };
}
