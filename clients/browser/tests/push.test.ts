import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createHub, type Hub } from "../src/index.js";
import { PushError, disablePush, enablePush, getPushState } from "../src/push.js";
import { flush, hello, installFakes, memoryStorage, newestSocket, removeFakes, requests, token } from "./fakes.js";

const KEY = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";

/** A browser's subscription. */
class FakeSubscription {
  ended = false;
  readonly options: PushSubscriptionOptions;
  constructor(
    readonly endpoint: string,
    key: string,
  ) {
    const bytes = Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    this.options = { userVisibleOnly: true, applicationServerKey: bytes.buffer };
  }
  toJSON(): PushSubscriptionJSON {
    return { endpoint: this.endpoint, expirationTime: null, keys: { p256dh: "p", auth: "a" } };
  }
  unsubscribe(): Promise<boolean> {
    this.ended = true;
    return Promise.resolve(true);
  }
}

class FakeWorker extends EventTarget {
  state = "activated";
  become(state: string): void {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

class FakeRegistration {
  active: FakeWorker | null = new FakeWorker();
  installing: FakeWorker | null = null;
  subscription: FakeSubscription | undefined;
  count = 0;
  readonly pushManager = {
    getSubscription: () => Promise.resolve(this.subscription?.ended ? null : (this.subscription ?? null)),
    subscribe: ({ applicationServerKey }: { applicationServerKey: string }) => {
      this.subscription = new FakeSubscription(`https://push.test/${++this.count}`, applicationServerKey);
      return Promise.resolve(this.subscription);
    },
  };
}

let registration: FakeRegistration;
let registered: string[];
let permission: NotificationPermission;
let says: NotificationPermission;
let storage: ReturnType<typeof memoryStorage>;
let hubs: Hub[];
/** What the hub's `/api/push` responds to each method; an absent one accepts. */
let refused: Partial<Record<string, [number, string]>>;
let publicKey: string;

beforeEach(() => {
  installFakes();
  registration = new FakeRegistration();
  [registered, refused, hubs] = [[], {}, []];
  [permission, says, publicKey, storage] = ["default", "granted", KEY, memoryStorage()];
  vi.stubGlobal("PushManager", class {});
  const notification = {
    get permission() {
      return permission;
    },
    requestPermission: () => Promise.resolve((permission = says)),
  };
  vi.stubGlobal(
    "Notification",
    Object.assign(() => undefined, {}, { requestPermission: notification.requestPermission }),
  );
  Object.defineProperty(Notification, "permission", { get: () => permission });
  const serviceWorker = {
    getRegistration: (url?: string) =>
      Promise.resolve(registered.includes(url ?? registered[0]!) ? registration : undefined),
    register: (url: string) => {
      registered.push(url);
      return Promise.resolve(registration);
    },
  };
  Object.defineProperty(navigator, "serviceWorker", { value: serviceWorker, configurable: true });
});
afterEach(() => {
  hubs.forEach((hub) => hub.close());
  Reflect.deleteProperty(navigator, "serviceWorker");
  removeFakes();
});

/** A page of this user, which is connected. */
async function openPage(userId = "12345678901"): Promise<Hub> {
  const claims = btoa(JSON.stringify({ user_id: userId, account_id: "a" }));
  const hub = createHub({ url: "wss://hub.test/ws", getToken: () => `h.${claims}.s`, storage });
  hubs.push(hub);
  hub.connect();
  await flush();
  newestSocket().say(hello());
  return hub;
}

/** Let the hub respond to what is asked of `/api/push` until `work` is done; return that, and what was asked. */
async function during<T>(work: Promise<T>): Promise<{ result: T; asked: [string, unknown][] }> {
  const asked: [string, unknown][] = [];
  let done = false;
  const finished = work.finally(() => (done = true));
  finished.catch(() => undefined);
  for (let answered = requests.length; !done; await flush()) {
    for (; answered < requests.length; answered++) {
      const request = requests[answered]!;
      const method = request.init.method!;
      asked.push([method, request.init.body ? JSON.parse(request.init.body as string) : undefined]);
      const refusal = refused[method];
      if (refusal) request.refuse(...refusal);
      else request.respond(200, { public_key: publicKey });
    }
  }
  return { result: await finished, asked };
}

describe("enablePush", () => {
  test("asks, registers the worker, subscribes with the hub's key and tells the hub", async () => {
    const { result, asked } = await during(enablePush(await openPage()));
    expect(result).toBe("on");
    expect(registered).toEqual(["/service-worker.js"]);
    expect(asked).toEqual([
      ["GET", undefined],
      ["PUT", { endpoint: "https://push.test/1", expirationTime: null, keys: { p256dh: "p", auth: "a" } }],
    ]);
  });

  test("takes the registration or the script that the page names", async () => {
    const hub = await openPage();
    await during(enablePush(hub, { serviceWorker: "/sw.js" }));
    expect(registered).toEqual(["/sw.js"]);
    await during(enablePush(hub, { serviceWorker: registration as unknown as ServiceWorkerRegistration }));
    expect(registered).toEqual(["/sw.js"]);
    expect(registration.count).toBe(1);
  });

  test("waits until a new worker is active, and fails where it cannot be installed", async () => {
    registration.active = null;
    const worker = (registration.installing = new FakeWorker());
    worker.state = "installing";
    const hub = await openPage();
    const enabling = enablePush(hub);
    await flush();
    expect(registration.count).toBe(0);
    worker.become("installed");
    worker.become("activated");
    expect((await during(enabling)).result).toBe("on");
    worker.state = "installing";
    const failing = enablePush(hub);
    await flush();
    worker.become("redundant");
    await expect(failing).rejects.toThrow("could not be installed");
  });

  test.each(["denied", "default"] as const)("asks nothing of the hub where the user says %s", async (answer) => {
    says = answer;
    const { result, asked } = await during(enablePush(await openPage()));
    expect([result, asked]).toEqual([answer === "denied" ? "denied" : "off", []]);
  });

  test("says unsupported where the browser or the hub has no push", async () => {
    const hub = await openPage();
    refused.GET = [404, "push_off"];
    expect((await during(enablePush(hub))).result).toBe("unsupported");
    Reflect.deleteProperty(globalThis, "PushManager");
    vi.stubGlobal("Notification", undefined);
    for (const ask of [enablePush, disablePush, getPushState]) expect(await ask(hub)).toBe("unsupported");
  });

  test("throws the hub's refusal, and does not count as on", async () => {
    const hub = await openPage();
    refused.PUT = [400, "invalid_field"];
    const failure = await during(enablePush(hub)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PushError);
    expect(failure).toMatchObject({ code: "invalid_field", message: "invalid_field: A title" });
    expect(await getPushState(hub)).toBe("off");
  });

  test("names the status of a refusal that is not the hub's", async () => {
    const hub = await openPage();
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("<html>", { status: 502 })));
    await expect(enablePush(hub)).rejects.toMatchObject({ code: "502" });
  });

  test("replaces a subscription that was made for another key of the hub", async () => {
    const hub = await openPage();
    await during(enablePush(hub));
    const before = registration.subscription!;
    publicKey = `${KEY.slice(0, -2)}AA`;
    const { asked } = await during(enablePush(hub));
    expect(before.ended).toBe(true);
    expect(asked.at(-1)).toMatchObject(["PUT", { endpoint: "https://push.test/2" }]);
  });
});

describe("getPushState", () => {
  test("is off before, on after, and denied where the browser's settings say so", async () => {
    const hub = await openPage();
    expect(await getPushState(hub)).toBe("off");
    await during(enablePush(hub));
    expect((await during(getPushState(hub))).asked).toEqual([]);
    expect(await getPushState(hub)).toBe("on");
    permission = "default";
    expect(await getPushState(hub)).toBe("off");
    permission = "denied";
    expect(await getPushState(hub)).toBe("denied");
  });

  test("tells the hub again after a day, and of a subscription that the browser has replaced", async () => {
    const hub = await openPage();
    await during(enablePush(hub));
    vi.setSystemTime(Date.now() + 86_400_000);
    expect((await during(getPushState(hub))).asked.map(([method]) => method)).toEqual(["GET", "PUT"]);
    registration.subscription = undefined;
    const { result, asked } = await during(getPushState(hub));
    expect(result).toBe("on");
    expect(asked.at(-1)).toMatchObject(["PUT", { endpoint: "https://push.test/2" }]);
    registered = [];
    expect(await getPushState(hub)).toBe("off");
  });

  test("ends the subscription of another user of this browser, and tells the hub nothing of this one", async () => {
    await during(enablePush(await openPage("11111111111")));
    const { result, asked } = await during(getPushState(await openPage("22222222222")));
    expect([result, asked]).toEqual(["off", []]);
    expect(registration.subscription!.ended).toBe(true);
  });

  test("leaves everything as it is before it knows who asks", async () => {
    await during(enablePush(await openPage()));
    const unknown = createHub({ url: "wss://hub.test/ws", getToken: () => token(), storage });
    vi.setSystemTime(Date.now() + 86_400_000);
    expect((await during(getPushState(unknown))).asked).toEqual([]);
    expect(await getPushState(unknown)).toBe("on");
    registration.subscription = undefined;
    expect(await getPushState(unknown)).toBe("off");
  });

  test("is off where what was kept cannot be read", async () => {
    storage.setItem("hub:push", "{");
    permission = "granted";
    expect(await getPushState(await openPage())).toBe("off");
  });
});

describe("disablePush", () => {
  test("ends the subscription in the browser and at the hub", async () => {
    const hub = await openPage();
    await during(enablePush(hub));
    const { result, asked } = await during(disablePush(hub));
    expect([result, asked]).toEqual(["off", [["DELETE", { endpoint: "https://push.test/1" }]]]);
    expect(registration.subscription!.ended).toBe(true);
    expect(await getPushState(hub)).toBe("off");
  });

  test("ends it in the browser where the hub refuses, and names an endpoint that the browser has dropped", async () => {
    const hub = await openPage();
    await during(enablePush(hub));
    refused.DELETE = [503, "storage_unavailable"];
    await expect(during(disablePush(hub))).rejects.toThrow("storage_unavailable");
    expect(registration.subscription!.ended).toBe(true);
    refused = {};
    await during(enablePush(hub));
    registration.subscription = undefined;
    permission = "denied";
    const { result, asked } = await during(disablePush(hub));
    expect([result, asked]).toEqual(["denied", [["DELETE", { endpoint: "https://push.test/2" }]]]);
    expect((await during(disablePush(hub))).asked).toEqual([]);
  });
});
