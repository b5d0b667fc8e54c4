/** The panel below the bell: its head, the tools of the list, the list, and the state of the connection. */
import type { Status } from "@notification-hub/client";
import { make, makeButton, setAttribute, setHidden, setText } from "./dom.js";
import { ARCHIVE, drawIcon, SLIDERS } from "./icons.js";
import type { List } from "./list.js";
import type { PreferencesPanel } from "./preferences.js";
import type { Texts } from "./texts.js";

/** Which notifications are listed. */
export type Filter = "all" | "unread" | "archived";

export interface PanelState {
  filter: Filter;
  unreadCount: number;
  count: number;
  status: Status | undefined;
  /** There is something to choose, and the user is choosing. */
  canChoose: boolean;
  choosing: boolean;
}

export interface PanelHandlers {
  filter(filter: Filter): void;
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
  const archived = makeButton(
    { class: "icon", part: "archived", "aria-label": texts.archived, title: texts.archived },
    drawIcon(ARCHIVE),
  );
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
  const head = make("div", { class: "head", part: "head" }, heading, all, unread, archived, choose);
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
  const filters = [
    [all, "all"],
    [unread, "unread"],
    [archived, "archived"],
  ] as const;
  for (const [button, filter] of filters) onClick(button, () => handlers.filter(filter));
  onClick(markAll, handlers.markAllRead);
  onClick(clear, handlers.clear);
  onClick(choose, handlers.choose);
  onClick(retry, handlers.retry);

  return {
    node,
    render: ({ filter, unreadCount, count, status, canChoose, choosing }) => {
      setAttribute(choose, "aria-expanded", String(choosing));
      const isArchive = filter === "archived";
      setText(heading, choosing ? texts.preferences : isArchive ? texts.archived : texts.notifications);
      for (const part of [all, unread, archived, list.node]) setHidden(part, choosing);
      setHidden(tools, choosing || isArchive);
      setHidden(preferences.node, !choosing);
      for (const [button, which] of filters) setAttribute(button, "aria-pressed", String(which === filter));
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
