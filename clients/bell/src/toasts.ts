/** Toasts: the newest notifications, each for some seconds. They never take the focus, and stay while one is read. */
import type { Notification } from "@notification-hub/client";
import { make, makeButton, setHidden, setText } from "./dom.js";
import { CROSS, drawIcon } from "./icons.js";
import { hideFromTop, showOnTop } from "./place.js";
import { makeMessage, makeSign, makeTitle } from "./row.js";
import type { Texts } from "./texts.js";

/** Long enough for two lines; WCAG 2.2.1 is met by the list, where each of them stays. */
const SHOWN_MS = 8_000;
const MOST_SHOWN = 3;

export interface ToastHandlers {
  open(notification: Notification, event: MouseEvent): void;
  showList(): void;
  /** Take the focus, where a toast that had it was closed. */
  takeFocus(): void;
}

export interface Toasts {
  readonly node: HTMLElement;
  show(notification: Notification): void;
  /** Close those that `matches`: they were read elsewhere. */
  close(matches: (id: string) => boolean): void;
  end(): void;
}

/** Return the place of the toasts, which is hidden until there is one. */
export function createToasts(texts: Texts, handlers: ToastHandlers): Toasts {
  const shown = new Map<string, { node: HTMLElement; leftMs: number }>();
  const rest = makeButton({ class: "quiet rest", part: "toast-rest", hidden: "" });
  const node = make(
    "section",
    { class: "toasts", part: "toasts", popover: "manual", "aria-label": texts.newNotifications, hidden: "" },
    rest,
  );
  let unseen = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let startedMs = 0;
  let held = false;

  const remove = (id: string): void => {
    const toast = shown.get(id);
    if (!toast) return;
    const hadFocus = toast.node.contains((node.getRootNode() as ShadowRoot).activeElement);
    toast.node.remove();
    shown.delete(id);
    if (!shown.size) unseen = 0;
    settle();
    if (!hadFocus) return;
    const next = node.querySelector<HTMLElement>(".toast .icon");
    if (next) next.focus();
    else handlers.takeFocus();
  };
  /** Show what there is, and wait for the toast whose time ends first. */
  const settle = (): void => {
    setHidden(rest, !unseen);
    setText(rest, texts.moreToasts(unseen));
    if (shown.size) showOnTop(node);
    else hideFromTop(node);
    pause();
    if (held || document.hidden || !shown.size) return;
    startedMs = performance.now();
    timer = setTimeout(
      () => {
        pause();
        const over = [...shown].filter(([, toast]) => toast.leftMs < 1).map(([id]) => id);
        for (const id of over) remove(id);
        settle();
      },
      Math.max(0, Math.min(...[...shown.values()].map(({ leftMs }) => leftMs))),
    );
  };
  const pause = (): void => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    const passedMs = performance.now() - startedMs;
    for (const toast of shown.values()) toast.leftMs -= passedMs;
  };
  const hold = (): void => {
    held = node.matches(":hover") || node.contains((node.getRootNode() as ShadowRoot).activeElement);
    settle();
  };
  for (const event of ["pointerenter", "pointerleave", "focusin"]) node.addEventListener(event, hold);
  // The focus is where it goes to only after this event.
  node.addEventListener("focusout", () => queueMicrotask(hold));
  node.addEventListener("keydown", (event) => {
    const id = (event.target as Element).closest<HTMLElement>(".toast")?.dataset["id"];
    if (event.key !== "Escape" || !id) return;
    event.stopPropagation();
    remove(id);
  });
  rest.addEventListener("click", () => {
    for (const id of [...shown.keys()]) remove(id);
    handlers.showList();
  });
  document.addEventListener("visibilitychange", settle);

  return {
    node,
    show: (notification) => {
      const { id, type, message } = notification;
      if (shown.has(id)) return;
      const title = makeTitle(notification, texts);
      const close = makeButton(
        { class: "icon", part: "action", "aria-label": texts.close, title: texts.close },
        drawIcon(CROSS),
      );
      const body = make("div", { class: "body" }, title, makeMessage(message));
      const toast = make("article", { class: "toast", part: "toast", "data-id": id }, makeSign(type), body, close);
      title.addEventListener("click", (event) => {
        handlers.open(notification, event);
        remove(id);
      });
      close.addEventListener("click", () => remove(id));
      const focused = (node.getRootNode() as ShadowRoot).activeElement;
      const oldest = [...shown].find(([, { node }]) => !node.contains(focused));
      if (shown.size >= MOST_SHOWN && oldest) {
        oldest[1].node.remove();
        shown.delete(oldest[0]);
        unseen += 1;
      }
      // What has passed is not this one's.
      pause();
      shown.set(id, { node: toast, leftMs: SHOWN_MS });
      node.insertBefore(toast, rest);
      settle();
    },
    close: (matches) => {
      for (const id of [...shown.keys()]) if (matches(id)) remove(id);
    },
    end: () => {
      pause();
      document.removeEventListener("visibilitychange", settle);
      for (const toast of shown.values()) toast.node.remove();
      shown.clear();
      hideFromTop(node);
    },
  };
}
