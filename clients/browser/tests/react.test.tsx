import { StrictMode, act, useEffect, useState, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import * as React from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import {
  HubProvider,
  useArchived,
  useHub,
  useHubEvent,
  useNotifications,
  usePreferences,
  useSignal,
  useWebSocket,
  type ArchivedNotifications,
  type Notifications,
  type UserPreferences,
  type WebSocketState,
} from "../src/react.js";
import {
  alert,
  flush,
  hello,
  installFakes,
  newestRequest,
  newestSocket,
  pass,
  removeFakes,
  requests,
  sockets,
  token,
} from "./fakes.js";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

let root: Root;
let hub: Hub;
beforeEach(() => {
  installFakes();
  hub = makeHub();
  root = createRoot(document.createElement("div"));
});
afterEach(async () => {
  await act(async () => root.unmount());
  hub.close();
  removeFakes();
});

function makeHub(options: Partial<HubOptions> = {}): Hub {
  return createHub({ url: "https://hub.test", getToken: () => token(), ...options });
}

async function render(element: ReactNode): Promise<void> {
  await act(async () => {
    root.render(element);
    await flush();
  });
}

async function say(...frames: Parameters<ReturnType<typeof newestSocket>["say"]>): Promise<void> {
  await act(async () => {
    newestSocket().say(...frames);
    await flush();
  });
}

test(`this is React ${React.version.split(".")[0]}`, () => {
  expect(["18", "19"]).toContain(React.version.split(".")[0]);
});

test("useWebSocket has what the deployed frontends use, and more", async () => {
  let seen!: WebSocketState;
  const Probe = (): null => {
    seen = useWebSocket();
    return null;
  };
  await render(
    <HubProvider client={hub}>
      <Probe />
    </HubProvider>,
  );
  expect(seen).toMatchObject({
    isConnected: false,
    lastMessage: null,
    connectionError: null,
    status: "connecting",
    transport: null,
  });
  await say(hello(), alert(1));
  expect(seen).toMatchObject({
    isConnected: true,
    lastMessage: alert(1),
    status: "connected",
    transport: "ws",
    reason: null,
  });
  await act(async () => newestSocket().end(4501));
  expect(seen).toMatchObject({
    isConnected: false,
    connectionError: "Este acesso não recebe notificações.",
    reason: { code: "forbidden" },
  });
  await act(async () => {
    seen.reconnect();
    await flush();
  });
  await say(hello());
  expect(seen).toMatchObject({ isConnected: true, connectionError: null });
});

test("useHubEvent gets every event once and in order, however many come in one batch, also under StrictMode", async () => {
  const got: string[] = [];
  const Probe = (): null => {
    const [, setCount] = useState(0);
    useHubEvent("stock_alert", (event) => {
      got.push(event.title);
      setCount((count) => count + 1);
    });
    return null;
  };
  await render(
    <StrictMode>
      <HubProvider client={hub}>
        <Probe />
      </HubProvider>
    </StrictMode>,
  );
  await say(hello(), ...Array.from({ length: 50 }, (_, number) => alert(number)));
  expect(got).toEqual(Array.from({ length: 50 }, (_, number) => `n${number}`));
});

test("useSignal asks for its type before the hub connects, and calls the handler of the latest render", async () => {
  const got: string[] = [];
  function Page({ name }: { name: string }): null {
    useSignal("orders:updated", ({ data }) => got.push(`${name}${data?.id}`));
    return null;
  }
  await render(
    <HubProvider client={hub}>
      <Page name="a" />
    </HubProvider>,
  );
  const said = { type: "orders:updated" as const, data: { id: 1 }, timestamp: "", missed: 0 };
  expect(newestSocket().url).toContain("signals=orders%3Aupdated");
  await say(hello(), said);
  await render(
    <HubProvider client={hub}>
      <Page name="b" />
    </HubProvider>,
  );
  await say({ ...said, data: { id: 2 } });
  expect(got).toEqual(["a1", "b2"]);
});

test("useHubEvent calls the handler of the latest render", async () => {
  const got: string[] = [];
  const Probe = ({ name }: { name: string }): null => {
    useHubEvent("stock_alert", (event) => got.push(name + event.title));
    return null;
  };
  await render(
    <HubProvider client={hub}>
      <Probe name="a" />
    </HubProvider>,
  );
  await say(hello(), alert(1));
  await render(
    <HubProvider client={hub}>
      <Probe name="b" />
    </HubProvider>,
  );
  await say(alert(2));
  expect(got).toEqual(["an1", "bn2"]);
});

test("StrictMode's double mount opens one connection", async () => {
  await render(
    <StrictMode>
      <HubProvider client={hub}>x</HubProvider>
    </StrictMode>,
  );
  await pass(5_000 - 3_001);
  expect([sockets.length, sockets[0]!.closed]).toEqual([1, false]);
});

test("the connection stays over a change of page and ends when no component uses it", async () => {
  await render(<HubProvider key="one" client={hub} />);
  await say(hello());
  await render(<HubProvider key="two" client={hub} />);
  await pass(2_000);
  expect([sockets.length, sockets[0]!.closed]).toEqual([1, false]);
  await render(null);
  await pass(999);
  expect(sockets[0]!.closed).toBe(false);
  await pass(1);
  expect([sockets[0]!.closed, hub.status.state]).toEqual([true, "closed"]);
});

test("a handler that is there from the start hears the first frame", async () => {
  const got: string[] = [];
  const synchronous = makeHub({ getToken: () => token() });
  vi.spyOn(synchronous, "connect");
  const Probe = (): null => {
    useHubEvent("stock_alert", (event) => got.push(event.title));
    useEffect(() => {
      expect(synchronous.connect).not.toHaveBeenCalled();
    }, []);
    return null;
  };
  await render(
    <HubProvider client={synchronous}>
      <Probe />
    </HubProvider>,
  );
  await say(hello(), alert(1));
  expect(got).toEqual(["n1"]);
  synchronous.close();
});

test("useNotifications is a bell: a list, a count, and what is done to it", async () => {
  let bell!: Notifications;
  const Probe = (): null => {
    bell = useNotifications();
    return null;
  };
  await render(
    <HubProvider client={hub}>
      <Probe />
    </HubProvider>,
  );
  expect(bell).toMatchObject({ notifications: [], unreadCount: 0 });
  await say(hello(), alert(1), alert(2));
  expect([bell.notifications.map(({ title }) => title), bell.unreadCount]).toEqual([["n2", "n1"], 2]);
  await act(async () => bell.markRead("id-1"));
  expect([bell.notifications.map(({ read }) => read), bell.unreadCount]).toEqual([[false, true], 1]);
  await act(async () => bell.markAllRead());
  expect(bell.unreadCount).toBe(0);
  await act(async () => bell.remove("id-2"));
  expect(bell.notifications.map(({ title }) => title)).toEqual(["n1"]);
  await act(async () => bell.clear());
  expect(bell.notifications).toEqual([]);
});

test("usePreferences fetches what is muted, and shows what the user changes", async () => {
  let choice!: UserPreferences;
  const Probe = (): null => {
    choice = usePreferences();
    return null;
  };
  await render(
    <HubProvider client={hub}>
      <Probe />
    </HubProvider>,
  );
  expect(choice).toMatchObject({ available: false, muted: [] });
  await say(hello("epoch-0", "live", 0, ["preferences"]));
  const types = [{ type: "stock_alert", mandatory: false, muted: false }];
  await act(async () => {
    newestRequest().respond(200, { muted: [], types });
    await flush();
  });
  await act(async () => {
    void choice.mute("stock_alert");
    await flush();
  });
  expect(choice).toMatchObject({ available: true, muted: ["stock_alert"], types: [{ muted: true }] });
  await act(async () => {
    newestRequest().respond(200, { muted: ["stock_alert"], types });
    await flush();
  });
  expect(choice.muted).toEqual(["stock_alert"]);
});

test("useArchived fetches the archive while it is mounted, and loads older ones", async () => {
  let archive!: ArchivedNotifications;
  const Probe = (): null => {
    archive = useArchived();
    return null;
  };
  await render(
    <HubProvider client={hub}>
      <Probe />
    </HubProvider>,
  );
  expect(archive.notifications).toEqual([]);
  await say(hello("epoch-9", "live", 0, ["inbox"]));
  const respond = async (numbers: number[], next: string | null): Promise<void> => {
    const request = requests.filter(({ url }) => url.includes("archived=true")).at(-1)!;
    const notifications = numbers.map((number) => ({ ...alert(number), read: true, archived: true }));
    await act(async () => {
      request.respond(200, { notifications, unread: 0, more: false, next, cursor: "epoch-9" });
      await flush();
    });
  };
  await respond([4, 3], "epoch-3");
  expect([archive.notifications.map(({ title }) => title), archive.more]).toEqual([["n4", "n3"], true]);
  await act(async () => {
    void archive.loadMore();
    await flush();
  });
  await respond([2], null);
  expect([archive.notifications.length, archive.more, archive.state]).toEqual([3, false, "ready"]);
});

test("a bell that is mounted later has what came before", async () => {
  let bell: Notifications | undefined;
  const Bell = (): null => {
    bell = useNotifications();
    return null;
  };
  await render(<HubProvider client={hub}>{null}</HubProvider>);
  await say(hello(), alert(1));
  await render(
    <HubProvider client={hub}>
      <Bell />
    </HubProvider>,
  );
  expect(bell!.unreadCount).toBe(1);
});

test("without a provider the error says what to do", async () => {
  const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
  // React 18 shows the error to the page too.
  window.addEventListener("error", (event) => event.preventDefault(), { once: true });
  const Lonely = (): null => {
    useHub();
    return null;
  };
  await expect(render(<Lonely />)).rejects.toThrow(/HubProvider/);
  quiet.mockRestore();
});
