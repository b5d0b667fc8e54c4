/** Web Push: the hub's notifications while no page is open. The page asks; `service-worker.ts` shows them. */
import type { Hub } from "./hub.js";

/**
 * `unsupported`: this browser has no Web Push, or the hub has none; on an iPhone only an installed page has it.
 * `denied`: the user said no, and only the browser's settings change that. `off` and `on`: for this user, in this browser.
 */
export type PushState = "unsupported" | "denied" | "off" | "on";

export interface PushOptions {
  /** The page's service worker, or where its script is; without it, the one that the page has, or `/service-worker.js`. */
  serviceWorker?: string | ServiceWorkerRegistration;
}

/** The hub refused the subscription; `code` is its error code. */
export class PushError extends Error {
  override name = "PushError";
  constructor(
    readonly code: string,
    title: string,
  ) {
    super(`${code}: ${title}`);
  }
}

const PATH = "/api/push";
const SCRIPT = "/service-worker.js";
/** Whose subscription this browser's is: the identity that enabled it, its endpoint, and when the hub was last told. */
const KEY = "hub:push";
/** The hub forgets subscriptions that no browser names any more. */
const RENEW_MS = 86_400_000;

interface Kept {
  identity: string | undefined;
  endpoint: string;
  toldAt: number;
}

/**
 * Return whether this user gets notifications here while no page is open. Call it when the page has loaded and
 * `hub.identity` is known: where the state is `on`, the hub is told of a subscription that the browser has replaced.
 * Where another user of this browser had enabled it, that ends: their notifications are not for this one.
 */
export async function getPushState(hub: Hub, options: PushOptions = {}): Promise<PushState> {
  if (!isSupported()) return "unsupported";
  const { permission } = Notification;
  if (permission === "denied") return "denied";
  const kept = readKept(hub);
  const registration = kept && (await findRegistration(options));
  if (!registration || permission !== "granted") return "off";
  const subscription = await registration.pushManager.getSubscription();
  const { identity } = hub;
  if (identity && kept.identity && identity !== kept.identity) {
    hub.storage.setItem(KEY, "");
    await subscription?.unsubscribe();
    return "off";
  }
  const isTold = subscription?.endpoint === kept.endpoint && Date.now() - kept.toldAt < RENEW_MS;
  // Not before it is known who asks: the subscription would become this user's.
  if (isTold || !identity) return subscription ? "on" : "off";
  return subscribe(hub, registration);
}

/**
 * Ask the user for permission, subscribe this browser, and tell the hub; return the new state. Call it on a click:
 * browsers ask nothing otherwise. Throws a `PushError` where the hub refuses, and what the network or the browser throws.
 */
export async function enablePush(hub: Hub, options: PushOptions = {}): Promise<PushState> {
  if (!isSupported()) return "unsupported";
  // First of all: a browser asks only while the click is fresh.
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return permission === "denied" ? "denied" : "off";
  const { serviceWorker } = options;
  const registration =
    (await findRegistration(options)) ??
    (await navigator.serviceWorker.register(typeof serviceWorker === "string" ? serviceWorker : SCRIPT));
  return subscribe(hub, await whenActive(registration));
}

/** End this browser's subscription, also where the hub cannot be reached; return the new state. Throws as `enablePush`. */
export async function disablePush(hub: Hub, options: PushOptions = {}): Promise<PushState> {
  if (!isSupported()) return "unsupported";
  const subscription = await (await findRegistration(options))?.pushManager.getSubscription();
  const endpoint = subscription?.endpoint ?? readKept(hub)?.endpoint;
  hub.storage.setItem(KEY, "");
  // The browser's part is done in any case: a push service tells the hub of it later.
  await subscription?.unsubscribe();
  if (endpoint) await check(await hub.request(PATH, { method: "DELETE", body: { endpoint } }));
  return Notification.permission === "denied" ? "denied" : "off";
}

function isSupported(): boolean {
  return typeof Notification === "function" && "PushManager" in globalThis && "serviceWorker" in navigator;
}

async function findRegistration({ serviceWorker }: PushOptions): Promise<ServiceWorkerRegistration | undefined> {
  if (serviceWorker && typeof serviceWorker !== "string") return serviceWorker;
  return navigator.serviceWorker.getRegistration(serviceWorker);
}

/** A registration takes a subscription only once its worker is active. */
async function whenActive(registration: ServiceWorkerRegistration): Promise<ServiceWorkerRegistration> {
  const worker = registration.active ?? registration.installing ?? registration.waiting;
  if (!worker || worker.state === "activated") return registration;
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve();
      else if (worker.state === "redundant") reject(new Error("the service worker could not be installed"));
    });
  });
  return registration;
}

async function subscribe(hub: Hub, registration: ServiceWorkerRegistration): Promise<PushState> {
  const { pushManager } = registration;
  const response = await hub.request(PATH);
  if (response.status === 404) return "unsupported";
  const { public_key: publicKey } = (await (await check(response)).json()) as { public_key: string };
  let subscription = await pushManager.getSubscription();
  // A subscription takes messages of one key alone, and the hub has another one now.
  if (subscription && encode(subscription.options.applicationServerKey) !== publicKey) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
  await check(await hub.request(PATH, { method: "PUT", body: subscription.toJSON() }));
  const kept: Kept = { identity: hub.identity, endpoint: subscription.endpoint, toldAt: Date.now() };
  hub.storage.setItem(KEY, JSON.stringify(kept));
  return "on";
}

function readKept(hub: Hub): Kept | undefined {
  try {
    return (JSON.parse(hub.storage.getItem(KEY) ?? "") as Kept | null) ?? undefined;
  } catch {
    return undefined;
  }
}

async function check(response: Response): Promise<Response> {
  if (response.ok) return response;
  const { code = `${response.status}`, title = response.statusText } = (await response.json().catch(() => ({}))) as {
    code?: string;
    title?: string;
  };
  throw new PushError(code, title);
}

function encode(key: ArrayBuffer | null): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(key ?? new ArrayBuffer(0))));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
