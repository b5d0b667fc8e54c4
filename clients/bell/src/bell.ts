/** The bell inside a shadow root: the button with its badge, the panel, the toasts, and what they do to the inbox. */
import type { Hub, Notification } from "@notification-hub/client";
import { EMPTY_ARCHIVE, EMPTY_VIEW, inboxOf } from "@notification-hub/client/inbox";
import { createAge } from "./age.js";
import { createAnnouncer } from "./announcer.js";
import { make, makeButton, setAttribute, setText } from "./dom.js";
import { BELL, drawIcon } from "./icons.js";
import { createList } from "./list.js";
import { createPanel, type Filter } from "./panel.js";
import { createPopup } from "./popup.js";
import { createPreferences } from "./preferences.js";
import { createPush } from "./push.js";
import type { Action, Item } from "./row.js";
import { adoptStyles } from "./styles.js";
import { chooseTexts, type Texts } from "./texts.js";
import { createToasts } from "./toasts.js";
import { nameType } from "./types.js";

const AGES_MS = 30_000;
const MOST_COUNTED = 99;
const NO_PREFERENCES = { available: false, muted: [], types: [] };

export interface BellOptions {
  hub: Hub | null;
  language: string;
  texts: Partial<Texts>;
  /** Where the page's service worker is, empty for its usual place; null offers no Web Push. */
  push: string | null;
  /** Say whether toasts are wanted now. */
  wantsToasts(): boolean;
  /** Tell the page; false where the page has taken over. */
  onOpen(notification: Notification): boolean;
  onToggle(open: boolean): void;
}

export interface Bell {
  toggle(open: boolean): void;
  end(): void;
}

/** Fill a shadow root with a bell, until `end()`. A button that a server rendered there is kept. */
export function createBell(root: ShadowRoot, options: BellOptions): Bell {
  const { hub, language } = options;
  const texts = chooseTexts(language, options.texts);
  const age = createAge(language, texts.now);
  const inbox = hub ? inboxOf(hub) : undefined;
  const closers: (() => void)[] = [];
  let follow: (() => void) | undefined;
  let filter: Filter = "all";
  /** Ends that the archive is followed. */
  let leaveArchive: (() => void) | undefined;
  let choosing = false;
  let loading = false;
  let asked = false;
  let frame: number | undefined;
  let ages: ReturnType<typeof setInterval> | undefined;

  const button =
    root.querySelector<HTMLButtonElement>(".bell-button") ??
    makeButton({ class: "bell-button", part: "button" }, make("slot", { name: "icon" }, drawIcon(BELL)));
  const badge = make("span", { class: "bell-badge", part: "badge", "aria-hidden": "true" });
  const announcer = createAnnouncer();
  const push = createPush(hub, options.push, () => render());
  /** Do what a click asks for, and draw it at once: the focus has to go where the list leaves it. */
  const then =
    <A extends unknown[]>(act: (...args: A) => unknown) =>
    (...args: A): void => {
      act(...args);
      render();
    };
  const list = createList(texts, age, {
    act: then((action: Action, item: Item, event: MouseEvent) => {
      if (action === "open") openNotification(item, event);
      else if (action === "archive") inbox?.archive(item.id);
      else if (item.read) inbox?.markUnread(item.id);
      else inbox?.markRead(item.id);
    }),
    loadMore: then(() => {
      if (filter === "archived") return void inbox?.archived.loadMore();
      loading = true;
      void inbox?.loadMore().finally(then(() => (loading = false)));
    }),
    takeFocus: () => panel.takeFocus(),
  });
  const preferences = createPreferences(texts, {
    nameType: (type) => nameType(type, language, texts.types),
    setMuted: async (type, muted) => (muted ? inbox?.preferences.mute(type) : inbox?.preferences.unmute(type)),
    setPush: push.set,
  });
  const panel = createPanel(list, preferences, texts, {
    filter: then((wanted: Filter) => {
      filter = wanted === "archived" && filter === wanted ? "all" : wanted;
      followArchive();
    }),
    markAllRead: then(() => inbox?.markAllRead()),
    clear: then(() => inbox?.clear()),
    choose: then(() => (choosing = !choosing)),
    retry: () => hub?.reconnect(),
  });
  const popup = createPopup(root, button, panel.node, {
    draw: () => render(),
    focusFirst: () => list.focusFirst() || panel.takeFocus(),
    onToggle: (open) => {
      clearInterval(ages);
      if (open) {
        list.updateAges(Date.now());
        ages = setInterval(() => list.updateAges(Date.now()), AGES_MS);
        // Not every page that is loaded needs the preferences.
        if (inbox && !follow) closers.push((follow = inbox.preferences.open()), inbox.preferences.subscribe(schedule));
        void push.read();
      }
      // Who opens the bell again looks for what is new.
      else if (filter === "archived") filter = "all";
      followArchive();
      options.onToggle(open);
    },
  });
  const toasts = createToasts(texts, {
    open: (notification, event) => openNotification(notification, event),
    showList: () => {
      popup.toggle(true);
      list.focusFirst();
    },
    takeFocus: () => button.focus(),
  });

  const openNotification = (notification: Notification, event: MouseEvent): void => {
    inbox?.markRead(notification.id);
    // With a key held it is the browser's: a new tab, a download.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const taken = !options.onOpen(notification);
    if (taken) event.preventDefault();
    if (taken || (event.target as Element).closest("a")) popup.toggle(false);
  };
  /** Follow the archive while it is looked at. */
  const followArchive = (): void => {
    if (popup.open && filter === "archived") leaveArchive ??= inbox?.archived.open();
    else {
      leaveArchive?.();
      leaveArchive = undefined;
    }
  };
  const onNotification = (notification: Notification): void => {
    announcer.say([notification.title, notification.message].filter(Boolean).join(". "));
    // An open list shows it already.
    if (!popup.open && options.wantsToasts()) toasts.show(notification);
  };
  const onChange = (): void => {
    schedule();
    // What was read on another device needs no toast any more.
    toasts.close((id) => inbox!.view.notifications.some((item) => item.id === id && item.read));
  };
  /** Once for each frame that the browser paints: a replay of hundreds is drawn a few times. */
  const schedule = (): void => {
    frame ??= requestAnimationFrame(render);
  };
  const onStatus = (): void => {
    schedule();
    // Once for each page, also where nobody opens the panel: the hub is told of a subscription that the browser replaced.
    if (asked || hub?.status.state !== "connected" || !hub.identity) return;
    asked = true;
    void push.read();
  };
  const render = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    frame = undefined;
    const { unreadCount, unreadMore, notifications, more } = inbox?.view ?? EMPTY_VIEW;
    const unread = unreadCount ? `: ${texts.unread(unreadCount, unreadMore)}` : "";
    setAttribute(button, "aria-label", texts.notifications + unread);
    setAttribute(button, "part", hub?.status.state === "connected" ? "button" : "button offline");
    setText(badge, unreadCount > MOST_COUNTED ? `${MOST_COUNTED}+` : String(unreadCount));
    if (!unreadCount) badge.remove();
    else if (!badge.isConnected) button.append(badge);
    if (!popup.open) return;
    const chosen = inbox?.preferences.view ?? NO_PREFERENCES;
    const canChoose = chosen.available || push.state !== "unsupported";
    choosing &&= canChoose;
    if (choosing) preferences.render(chosen, push.state);
    const [count, status] = [notifications.length, hub?.status];
    panel.render({ filter, unreadCount, count, status, canChoose, choosing });
    if (filter === "archived") {
      const { notifications: items, more, state } = inbox?.archived.view ?? EMPTY_ARCHIVE;
      const older = state === "loading" ? state : more ? "more" : "none";
      const emptyText = state === "failed" ? texts.notLoaded : texts.emptyArchived;
      return list.render({ items, older, emptyText, archived: true }, Date.now());
    }
    const items = filter === "unread" ? notifications.filter(({ read }) => !read) : notifications;
    const older = loading ? "loading" : more ? "more" : "none";
    const emptyText = !count ? texts.empty : more && unreadCount ? texts.olderUnread : texts.emptyUnread;
    list.render({ items, older, emptyText, archived: false }, Date.now());
  };

  // The button stays where it is: it may have the focus.
  for (const child of [...root.childNodes]) if (child !== button) child.remove();
  adoptStyles(root);
  button.setAttribute("aria-controls", "panel");
  if (!button.isConnected) root.append(button);
  root.append(panel.node, toasts.node, announcer.node);
  if (hub && inbox) {
    closers.push(inbox.open(), inbox.subscribe(onChange), hub.subscribe(onStatus), hub.onAny(onNotification));
    closers.push(inbox.archived.subscribe(schedule));
  }
  onStatus();
  render();

  return {
    toggle: popup.toggle,
    end: () => {
      popup.end();
      for (const close of closers.splice(0)) close();
      if (frame !== undefined) cancelAnimationFrame(frame);
      toasts.end();
      badge.remove();
    },
  };
}
