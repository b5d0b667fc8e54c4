"use client";
/** The bell in React 18 and 19: the custom element, which a server renders with its button already drawn. */
import type { Hub, Notification } from "@notification-hub/client";
import { useHub } from "@notification-hub/client/react";
import { createElement, useEffect, useInsertionEffect, useRef, useSyncExternalStore, type ReactNode } from "react";
import type { BellToggleEvent, NotificationBellElement, NotificationOpenEvent, Texts } from "./index.js";
import "./index.js";
import { renderTemplate } from "./template.js";

export interface NotificationBellProps {
  /** The hub; without it, that of the `HubProvider` above. */
  hub?: Hub;
  /** `pt` or `en`, with or without a region; without it, that of the document. */
  lang?: string;
  /** Without it, what the user prefers. */
  theme?: "light" | "dark";
  /** Show toasts, and where; `true` is `bottom-end`. */
  toasts?: boolean | "bottom-end" | "bottom-start" | "top-end" | "top-start";
  /** Offer Web Push in the preferences: where the page's service worker is, `true` for its usual place. */
  push?: boolean | string;
  texts?: Partial<Texts>;
  className?: string;
  /** The page's nonce for the styles that a server renders. */
  nonce?: string;
  /** A click on a notification. Return false where the page takes the user there itself. */
  onOpen?: (notification: Notification) => unknown;
  onToggle?: (open: boolean) => void;
  /** An icon of your own, with `slot="icon"`. */
  children?: ReactNode;
}

const subscribe = (): (() => void) => () => undefined;

function Bell({
  hub,
  lang,
  theme,
  toasts,
  push,
  texts,
  className,
  nonce,
  onOpen,
  onToggle,
  children,
}: NotificationBellProps): ReactNode {
  const element = useRef<NotificationBellElement>(null);
  const handlers = useRef({ onOpen, onToggle });
  useInsertionEffect(() => {
    handlers.current = { onOpen, onToggle };
  });
  useEffect(() => {
    element.current!.hub = hub;
  }, [hub]);
  useEffect(() => {
    element.current!.texts = texts;
  }, [texts]);
  useEffect(() => {
    const bell = element.current!;
    const handleOpen = (event: NotificationOpenEvent): void => {
      if (handlers.current.onOpen?.(event.detail.notification) === false) event.preventDefault();
    };
    const handleToggle = (event: BellToggleEvent): void => handlers.current.onToggle?.(event.detail.open);
    bell.addEventListener("notification-open", handleOpen);
    bell.addEventListener("bell-toggle", handleToggle);
    return () => {
      bell.removeEventListener("notification-open", handleOpen);
      bell.removeEventListener("bell-toggle", handleToggle);
    };
  }, []);
  // The parser of a page that a server rendered has already taken the template away, and React must not miss it.
  const rendering = useSyncExternalStore(
    subscribe,
    () => false,
    () => true,
  );
  return createElement(
    "notification-bell",
    {
      ref: element,
      // React 18 knows no `className` of custom elements.
      class: className,
      lang,
      theme,
      push: push === true ? "" : push || undefined,
      toasts: toasts === true ? "bottom-end" : toasts || undefined,
      suppressHydrationWarning: true,
      ...(rendering && !children
        ? { dangerouslySetInnerHTML: { __html: renderTemplate({ language: lang ?? "pt", nonce }) } }
        : {}),
    },
    ...(children ? [children] : []),
  );
}

function ProvidedBell(props: NotificationBellProps): ReactNode {
  return <Bell {...props} hub={useHub()} />;
}

/** The bell: the button, its badge, and the panel that it opens. */
export function NotificationBell(props: NotificationBellProps): ReactNode {
  return props.hub ? <Bell {...props} /> : <ProvidedBell {...props} />;
}
