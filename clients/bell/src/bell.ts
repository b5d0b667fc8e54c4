/** The bell inside a shadow root: the button with its badge, the panel, the toasts, and what they do to the inbox. */
import type { Hub, Notification } from "@notification-hub/client";
import { inboxOf } from "@notification-hub/client/inbox";
import { createAge } from "./age.js";
import { createAnnouncer } from "./announcer.js";
import { make, makeButton, setAttribute, setText } from "./dom.js";
import { BELL, drawIcon } from "./icons.js";
import { createList, type ListState } from "./list.js";
import { createPanel } from "./panel.js";
import { hideFromTop, placePanel, showOnTop } from "./place.js";
import type { Action } from "./row.js";
import type { Item, Source, SourceView } from "./source.js";
import { adoptStyles } from "./styles.js";
import { chooseTexts, type Texts } from "./texts.js";
import { createToasts } from "./toasts.js";

const AGES_MS = 30_000;
const MOST_COUNTED = 99;
const NOTHING: SourceView = { notifications: [], unreadCount: 0 };

export interface BellOptions {
  hub: Hub | null;
  language: string;
  texts: Partial<Texts>;
  /** Say whether toasts are wanted now. */
  wantsToasts(): boolean;
  /** Tell the page; false where the page has taken over. */
  onOpen(notification: Notification): boolean;
  onToggle(open: boolean): void;
}

export interface Bell {
  readonly open: boolean;
  toggle(open: boolean): void;
  end(): void;
}

/** Fill a shadow root with a bell, until `end()`. A button that a server rendered there is kept. */
export function createBell(root: ShadowRoot, options: BellOptions): Bell {
  const { hub, language, onOpen, onToggle, wantsToasts } = options;
  const texts = chooseTexts(language, options.texts);
  const age = createAge(language, texts.now);
  const source: Source | undefined = hub ? inboxOf(hub) : undefined;
  const can = { unread: Boolean(source?.markUnread), archive: Boolean(source?.archive) };
  let open = false;
  let onlyUnread = false;
  let frame: number | undefined;
  let ages: ReturnType<typeof setInterval> | undefined;

  const button =
    root.querySelector<HTMLButtonElement>(".bell-button") ??
    makeButton({ class: "bell-button", part: "button" }, make("slot", { name: "icon" }, drawIcon(BELL)));
  const badge = make("span", { class: "bell-badge", part: "badge", "aria-hidden": "true" });
  const announcer = createAnnouncer();
  const list = createList(texts, age, can, {
    act: (action, item, event) => act(action, item, event),
    loadMore: () => {
      void source?.loadMore?.();
      render();
    },
    takeFocus: () => panel.takeFocus(),
  });
  const panel = createPanel(list, texts, can.archive ? texts.archiveAll : texts.clear, {
    filter: (only) => {
      onlyUnread = only;
      render();
    },
    markAllRead: () => {
      source?.markAllRead();
      render();
    },
    clear: () => {
      source?.clear();
      render();
    },
    retry: () => hub?.reconnect(),
  });
  const toasts = createToasts(texts, {
    open: (notification, event) => openNotification(notification, event),
    showList: () => {
      toggle(true);
      list.focusFirst();
    },
    takeFocus: () => button.focus(),
  });

  const act = (action: Action, item: Item, event: MouseEvent): void => {
    if (action === "open") openNotification(item, event);
    else if (action === "remove") (source?.archive ?? source?.remove)?.(item.id);
    else if (item.read) source?.markUnread?.(item.id);
    else source?.markRead(item.id);
    render();
  };
  const openNotification = (notification: Notification, event: MouseEvent): void => {
    source?.markRead(notification.id);
    // With a key held it is the browser's: a new tab, a download.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const taken = !onOpen(notification);
    if (taken) event.preventDefault();
    if (taken || (event.target as Element).closest("a")) toggle(false);
  };

  const render = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    frame = undefined;
    const view: SourceView = source?.view ?? NOTHING;
    const { unreadCount, more = false } = view;
    setAttribute(
      button,
      "aria-label",
      unreadCount ? `${texts.notifications}: ${texts.unread(unreadCount, more)}` : texts.notifications,
    );
    setText(badge, unreadCount > MOST_COUNTED ? `${MOST_COUNTED}+` : String(unreadCount));
    if (!unreadCount) badge.remove();
    else if (!badge.isConnected) button.append(badge);
    setAttribute(button, "part", hub?.status.state === "connected" ? "button" : "button offline");
    if (!open) return;
    const nowMs = Date.now();
    const state: ListState = {
      items: onlyUnread ? view.notifications.filter(({ read }) => !read) : view.notifications,
      older: view.loading ? "loading" : view.hasMore ? "more" : "none",
      emptyText: onlyUnread && view.notifications.length ? texts.emptyUnread : texts.empty,
    };
    panel.render({ onlyUnread, unreadCount, count: view.notifications.length, status: hub?.status });
    list.render(state, nowMs);
  };
  /** Once for each frame that the browser paints: a replay of hundreds is drawn a few times. */
  const schedule = (): void => {
    frame ??= requestAnimationFrame(render);
  };
  const place = (): void => placePanel(panel.node, button);

  const toggle = (wanted: boolean): void => {
    if (wanted === open) return;
    open = wanted;
    setAttribute(button, "aria-expanded", String(open));
    const listen = open ? addEventListener : removeEventListener;
    listen("pointerdown", onPointer, true);
    listen("keydown", onKey);
    listen("resize", place);
    listen("scroll", place, true);
    clearInterval(ages);
    if (open) {
      ages = setInterval(() => list.updateAges(Date.now()), AGES_MS);
      render();
      list.updateAges(Date.now());
      showOnTop(panel.node);
      place();
    } else {
      const hadFocus = panel.node.contains(root.activeElement);
      hideFromTop(panel.node);
      if (hadFocus) button.focus();
    }
    onToggle(open);
  };
  const onPointer = (event: Event): void => {
    if (!event.composedPath().includes(root.host)) toggle(false);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && !event.defaultPrevented) toggle(false);
  };
  const onClick = (): void => toggle(!open);
  const onButtonKey = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    toggle(true);
    if (!list.focusFirst()) panel.takeFocus();
  };
  const onFocusOut = ({ relatedTarget }: FocusEvent): void => {
    // A person who tabs on has left the panel; a window that loses the focus has not.
    if (relatedTarget && !root.contains(relatedTarget as Node)) toggle(false);
  };
  const onNotification = (notification: Notification): void => {
    announcer.say([notification.title, notification.message].filter(Boolean).join(". "));
    // An open list shows it already.
    if (!open && wantsToasts()) toasts.show(notification);
  };
  const onChange = (): void => {
    schedule();
    // What was read on another device needs no toast any more.
    toasts.close((id) => source!.view.notifications.some((item) => item.id === id && item.read));
  };

  button.setAttribute("aria-controls", "panel");
  button.addEventListener("click", onClick);
  button.addEventListener("keydown", onButtonKey);
  root.addEventListener("focusout", onFocusOut as EventListener);
  // The button stays where it is: it may have the focus.
  for (const child of [...root.childNodes]) if (child !== button) child.remove();
  adoptStyles(root);
  if (!button.isConnected) root.append(button);
  root.append(panel.node, toasts.node, announcer.node);
  const closers =
    hub && source
      ? [source.open(), source.subscribe(onChange), hub.subscribe(schedule), hub.onAny(onNotification)]
      : [];
  render();

  return {
    get open() {
      return open;
    },
    toggle,
    end: () => {
      toggle(false);
      for (const close of closers) close();
      if (frame !== undefined) cancelAnimationFrame(frame);
      toasts.end();
      badge.remove();
      button.removeEventListener("click", onClick);
      button.removeEventListener("keydown", onButtonKey);
      root.removeEventListener("focusout", onFocusOut as EventListener);
    },
  };
}
