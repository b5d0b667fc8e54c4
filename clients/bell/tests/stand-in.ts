/** A hub that does what a test says: its connection, its notifications; the list of the client is real. */
import type { Hub, Notification, Status } from "@notification-hub/client";

export const CONNECTED: Status = { state: "connected", transport: "ws", attempt: 0, retryAt: null, reason: null };

export interface StandIn extends Hub {
  receive(...notifications: Notification[]): void;
  become(status: Partial<Status>): void;
  /** How often it was asked to connect, to reconnect and to close. */
  calls: string[];
}

export function notification(number: number, fields: Partial<Notification> = {}): Notification {
  const at = new Date(Date.parse("2026-11-26T12:00:00Z") + number * 1_000).toISOString();
  const frame = {
    id: `id-${number}`,
    type: "stock_alert",
    title: `t${number}`,
    message: `m${number}`,
    cursor: `c${number}`,
    timestamp: at,
  };
  return { ...frame, ...fields } as Notification;
}

export function standIn(state: Status["state"] = "idle"): StandIn {
  const [any, changed, calls] = [new Set<(event: Notification) => void>(), new Set<() => void>(), [] as string[]];
  const add =
    <T>(to: Set<T>) =>
    (listener: T) => {
      to.add(listener);
      return () => to.delete(listener);
    };
  let status: Status = { ...CONNECTED, state };
  const none = () => () => undefined;
  const parts = {
    identity: undefined,
    storage: { getItem: () => null, setItem: () => undefined },
    calls,
    connect: () => calls.push("connect"),
    reconnect: () => calls.push("reconnect"),
    close: () => calls.push("close"),
    on: none,
    onUnknown: none,
    onSignal: none,
    onControl: none,
    request: () => Promise.reject(new TypeError("no network")),
    features: undefined,
    onAny: add(any),
    subscribe: add(changed),
    receive: (...notifications: Notification[]) => {
      for (const event of notifications) for (const listener of any) listener(event);
    },
    become: (now: Partial<Status>) => {
      status = { ...CONNECTED, ...now };
      for (const listener of changed) listener();
    },
  };
  return Object.defineProperty(parts, "status", { get: () => status }) as unknown as StandIn;
}

/** Let what waits for the next frame be drawn. */
export const drawn = (): Promise<void> => new Promise((done) => requestAnimationFrame(() => done()));
