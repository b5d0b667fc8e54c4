/** Web Push as the preferences offer it; the client's part is loaded only by pages that ask for it. */
import type { Hub } from "@notification-hub/client";
import type { PushState } from "@notification-hub/client/push";

export interface Push {
  readonly state: PushState;
  /** Find out what it is like in this browser. Never throws. */
  read(): Promise<void>;
  /** Rejects where the hub or the browser refuses. */
  set(on: boolean): Promise<void>;
}

/** Return the Web Push of a hub's user. `where` is the page's service worker, empty for its usual place, null for none. */
export function createPush(hub: Hub | null, where: string | null, changed: () => void): Push {
  const options = where ? { serviceWorker: where } : {};
  // Loaded before the click: a browser asks for permission only while a click is fresh.
  const loaded = hub && where !== null ? import("@notification-hub/client/push") : undefined;
  loaded?.catch(() => undefined);
  let state: PushState = "unsupported";

  return {
    get state() {
      return state;
    },
    read: async () => {
      try {
        if (!loaded) return;
        // Nobody is asked for a permission that leads to nothing.
        state = (await hasPush(hub!)) ? await (await loaded).getPushState(hub!, options) : "unsupported";
        changed();
      } catch {
        // Asked again when the panel is opened again.
      }
    },
    set: async (on) => {
      const { enablePush, disablePush } = await loaded!;
      state = await (on ? enablePush : disablePush)(hub!, options);
      changed();
    },
  };
}

/** Over a WebSocket every hub that has Web Push says so; over the other transports it is asked. */
async function hasPush({ features, status, request }: Hub): Promise<boolean> {
  if (features || status.transport === "ws") return Boolean(features?.includes("push"));
  return (await request("/api/push")).ok;
}
