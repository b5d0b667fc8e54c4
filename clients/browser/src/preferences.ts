/** What the user wants to be notified of: types can be muted, unless their company made them mandatory. */
import type { Hub } from "./hub.js";

/** A type of notifications, and what the user chose for it. */
export interface PreferenceType {
  type: string;
  /** Cannot be muted. */
  mandatory: boolean;
  muted: boolean;
}

/** One moment's preferences; a new object for each change. */
export interface PreferencesView {
  /** Whether the hub keeps preferences, and has sent them. */
  available: boolean;
  /** The types that are neither delivered nor counted; they stay in the inbox. */
  muted: readonly string[];
  /** All types that can be chosen from. */
  types: readonly PreferenceType[];
}

export interface Preferences {
  readonly view: PreferencesView;
  /** Call `listener` after each change, on this device or another one. */
  subscribe(listener: () => void): () => void;
  /** Fetch the preferences, and follow their changes until what this returns is called. */
  open(): () => void;
  /** Shown at once; rejects, and shows it as it was, where the hub refuses or cannot be reached. */
  mute(type: string): Promise<void>;
  unmute(type: string): Promise<void>;
}

/** Thrown where the hub refuses a change; `code` is the hub's, or undefined where it could not be reached. */
export class PreferencesError extends Error {
  override name = "PreferencesError";
  constructor(readonly code: string | undefined) {
    super(`preferences were not changed: ${code ?? "the hub cannot be reached"}`);
  }
}

interface Known {
  muted: readonly string[];
  types?: readonly PreferenceType[];
}

export const NO_PREFERENCES: PreferencesView = { available: false, muted: [], types: [] };
const PATH = "/api/preferences";

/** Return the preferences of a hub's user. */
export function createPreferences(hub: Hub): Preferences {
  const listeners = new Set<() => void>();
  let view = NO_PREFERENCES;
  /** What the hub has, and what it was asked for and has not confirmed. */
  let known: Known | undefined;
  let wanted: readonly string[] | undefined;
  let identity: string | undefined;
  let opened = 0;
  let close: (() => void) | undefined;
  let fetching = false;
  let changing: Promise<unknown> = Promise.resolve();

  const show = (): void => {
    const muted = wanted ?? known?.muted ?? [];
    const types = (known?.types ?? []).map((one) => ({ ...one, muted: muted.includes(one.type) }));
    view = known ? { available: true, muted, types } : NO_PREFERENCES;
    for (const listener of [...listeners]) listener();
  };
  const learn = (news: unknown): void => {
    if (Array.isArray((news as Known | undefined)?.muted)) known = { ...known, ...(news as Known) };
    show();
  };
  const fetchKnown = async (): Promise<void> => {
    const { status, features } = hub;
    if (identity !== hub.identity) known = wanted = undefined;
    identity = hub.identity;
    // Over a WebSocket every hub that has preferences says so.
    const lacks = features ? !features.includes("preferences") : status.transport === "ws";
    if (status.state !== "connected" || lacks || fetching || known?.types) return;
    fetching = true;
    try {
      const response = await hub.request(PATH);
      if (response.ok) learn(await response.json());
    } catch {
      // The next connection tries again.
    }
    fetching = false;
  };
  const change = (muteds: (muted: readonly string[]) => readonly string[]): Promise<void> => {
    const put = async (): Promise<void> => {
      wanted = muteds(view.muted);
      show();
      const response = await hub.request(PATH, { method: "PUT", body: { muted: wanted } }).catch(() => undefined);
      const body = (await response?.json().catch(() => undefined)) as { code?: string } | undefined;
      wanted = undefined;
      learn(response?.ok ? body : undefined);
      if (!response?.ok) throw new PreferencesError(body?.code);
    };
    // One after the other: each request has the whole list.
    const done = changing.then(put);
    changing = done.catch(() => {});
    return done;
  };

  return {
    get view() {
      return view;
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    open: () => {
      if (!opened++) {
        const onStatus = (): void => void fetchKnown();
        const ends = [
          hub.subscribe(onStatus),
          hub.onControl("preferences", learn),
          hub.on("gap", () => {
            known = undefined;
            onStatus();
          }),
        ];
        close = () => ends.forEach((end) => end());
        onStatus();
      }
      let over = false;
      return () => {
        if (over) return;
        over = true;
        if (!--opened) close?.();
      };
    },
    mute: (type) => change((muted) => [...new Set([...muted, type])]),
    unmute: (type) => change((muted) => muted.filter((one) => one !== type)),
  };
}
