"use client";
/** The hub in React 18 and 19: rendered on a server, mounted twice by StrictMode, used in many places at once. */
import {
  createContext,
  useContext,
  useEffect,
  useInsertionEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import { attempt } from "./handlers.js";
import type { Hub } from "./hub.js";
import { EMPTY_ARCHIVE, EMPTY_VIEW, inboxOf, type ArchiveView, type InboxView } from "./inbox.js";
import { NO_PREFERENCES, type PreferencesView } from "./preferences.js";
import { IDLE, type Reason, type State, type Transport } from "./status.js";
import type { EventOf, EventType, Notification, SignalOf, SignalType } from "./wire.js";

export type { ArchiveView, InboxNotification, InboxView, PreferencesView, PreferenceType } from "./inbox.js";

/** A component that is mounted again within this time was only rendered again: the hub stays connected. */
const CLOSE_DELAY_MS = 1_000;

interface Use {
  mounts: number;
  closeTimer?: ReturnType<typeof setTimeout> | undefined;
  close?: (() => void) | undefined;
}

const uses = new WeakMap<Hub, Use>();
const HubContext = createContext<Hub | null>(null);

function useOf(hub: Hub): Use {
  let use = uses.get(hub);
  if (!use) uses.set(hub, (use = { mounts: 0 }));
  return use;
}

function mount(hub: Hub): () => void {
  const use = useOf(hub);
  clearTimeout(use.closeTimer);
  use.mounts++;
  use.close ??= inboxOf(hub).open();
  // An error here must not break the page.
  attempt(hub.connect);
  return () => {
    if (--use.mounts) return;
    use.closeTimer = setTimeout(() => {
      hub.close();
      use.close?.();
      use.close = undefined;
    }, CLOSE_DELAY_MS);
  };
}

/** Give `client`, made once with `createHub`, to everything below, and keep it connected while this is mounted. */
export function HubProvider({ client, children }: { client: Hub; children?: ReactNode }): ReactNode {
  // Runs after the effects of everything below, so that their handlers get the first frame.
  useEffect(() => mount(client), [client]);
  return <HubContext.Provider value={client}>{children}</HubContext.Provider>;
}

/** Return the provider's hub. Throws where there is no `HubProvider` above. */
export function useHub(): Hub {
  const hub = useContext(HubContext);
  if (!hub) throw new Error("useHub needs a <HubProvider client={createHub(…)}> above it");
  return hub;
}

export interface WebSocketState {
  isConnected: boolean;
  /** The last notification that came. React may skip some when many come at once: act on events with `useHubEvent`. */
  lastMessage: Notification | null;
  /** Why there is no connection, as a sentence for the page. */
  connectionError: string | null;
  /** Try again at once. */
  reconnect: () => void;
  status: State;
  transport: Transport | null;
  reason: Reason | null;
}

/** Return the state of the connection, under the names that deployed frontends of the hub use. */
export function useWebSocket(): WebSocketState {
  const hub = useHub();
  const inbox = inboxOf(hub);
  const { state, transport, reason } = useSyncExternalStore(
    hub.subscribe,
    () => hub.status,
    () => IDLE,
  );
  const lastMessage = useSyncExternalStore(
    inbox.subscribe,
    () => inbox.last,
    () => null,
  );
  const { reconnect } = hub;
  return {
    isConnected: state === "connected",
    lastMessage,
    connectionError: reason?.message ?? null,
    reconnect,
    status: state,
    transport,
    reason,
  };
}

/** Call `handler`, always the latest render's, for each notification of this type (or each `gap`), once and in order. */
export function useHubEvent<T extends EventType>(type: T, handler: (event: EventOf<T>) => void): void {
  const hub = useHub();
  const latest = useRef(handler);
  // Runs before any effect that could cause an event.
  useInsertionEffect(() => {
    latest.current = handler;
  });
  useEffect(() => hub.on(type, (event) => latest.current(event)), [hub, type]);
}

/** Ask for the signals of this type, and call `handler`, always the latest render's, for each that comes. */
export function useSignal<T extends SignalType>(type: T, handler: (signal: SignalOf<T>) => void): void {
  const hub = useHub();
  const latest = useRef(handler);
  useInsertionEffect(() => {
    latest.current = handler;
  });
  useEffect(() => hub.onSignal(type, (signal) => latest.current(signal)), [hub, type]);
}

export interface Notifications extends InboxView {
  markRead: (id: string) => void;
  markUnread: (id: string) => void;
  markAllRead: () => void;
  /** Take it off the list; `remove` is the same. */
  archive: (id: string) => void;
  remove: (id: string) => void;
  /** Take everything that is shown off the list. */
  clear: () => void;
  /** Load older ones, where `more`. */
  loadMore: () => Promise<void>;
}

/** Return the user's notifications, newest first, with the actions of a bell's list. */
export function useNotifications(): Notifications {
  const inbox = inboxOf(useHub());
  const view = useSyncExternalStore(
    inbox.subscribe,
    () => inbox.view,
    () => EMPTY_VIEW,
  );
  return useMemo(() => {
    const { markRead, markUnread, markAllRead, archive, remove, clear, loadMore } = inbox;
    return { ...view, markRead, markUnread, markAllRead, archive, remove, clear, loadMore };
  }, [view, inbox]);
}

export interface ArchivedNotifications extends ArchiveView {
  /** Load older ones, where `more`. */
  loadMore: () => Promise<void>;
}

/** Return what the user took off the list, newest first; fetched while a component that uses it is mounted. */
export function useArchived(): ArchivedNotifications {
  const { archived } = inboxOf(useHub());
  useEffect(archived.open, [archived]);
  const view = useSyncExternalStore(
    archived.subscribe,
    () => archived.view,
    () => EMPTY_ARCHIVE,
  );
  return useMemo(() => ({ ...view, loadMore: archived.loadMore }), [view, archived]);
}

export interface UserPreferences extends PreferencesView {
  /** Shown at once; rejects, and shows it as it was, where the hub refuses or cannot be reached. */
  mute: (type: string) => Promise<void>;
  unmute: (type: string) => Promise<void>;
}

/** Return which types the user muted, and what changes that; fetched from the first component that uses it. */
export function usePreferences(): UserPreferences {
  const { preferences } = inboxOf(useHub());
  useEffect(preferences.open, [preferences]);
  const view = useSyncExternalStore(
    preferences.subscribe,
    () => preferences.view,
    () => NO_PREFERENCES,
  );
  return useMemo(() => ({ ...view, mute: preferences.mute, unmute: preferences.unmute }), [view, preferences]);
}
