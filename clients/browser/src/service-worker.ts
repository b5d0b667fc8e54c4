/**
 * The service worker's part of Web Push: shows what the hub pushes, and opens what is clicked.
 *
 * It is the whole of a page's service worker, or a part: `importScripts("…/service-worker.js")` in a script, or
 * `import "@notification-hub/client/service-worker"` where the worker is bundled. Messages and notifications of others
 * are left to their own handlers. Set `self.hubNotificationOptions` first for an icon and the like.
 */

declare const self: ServiceWorkerGlobalScope & {
  /** What each notification shows beside its texts, such as `{ icon: "/icon.png", badge: "/badge.png" }`. */
  hubNotificationOptions?: NotificationOptions;
};

/** As much of a notification as a push message has room for. */
interface PushMessage {
  id: string;
  type: string;
  title: string;
  message: string;
  cursor: string;
  link?: string;
  timestamp?: string;
}

/** What is kept with a shown notification; `hub` tells it from those of others. */
interface ShownData {
  hub: true;
  id: string;
  type: string;
  link: string;
}

self.addEventListener("push", (event) => {
  const message = readMessage(event.data);
  if (message) event.waitUntil(show(message));
});

self.addEventListener("notificationclick", (event) => {
  const data = event.notification.data as Partial<ShownData> | null;
  if (!data?.hub) return;
  event.notification.close();
  event.waitUntil(open(data.link ?? ""));
});

self.addEventListener("pushsubscriptionchange", (event) => {
  const { oldSubscription, newSubscription } = event as PushSubscriptionChangeEvent;
  // The worker has no token: the page tells the hub of the new subscription when it is opened next.
  if (!newSubscription && oldSubscription)
    (event as ExtendableEvent).waitUntil(self.registration.pushManager.subscribe(oldSubscription.options));
});

/** Return the message of a push, or undefined where it is not one of the hub's. */
function readMessage(data: PushMessageData | null): PushMessage | undefined {
  try {
    const message = data?.json() as Partial<PushMessage> | null | undefined;
    const texts = [message?.id, message?.type, message?.title, message?.message, message?.cursor];
    return texts.every((text) => typeof text === "string") ? (message as PushMessage) : undefined;
  } catch {
    return undefined;
  }
}

/** Show a message; the same one, pushed twice, takes its own place and alerts nobody again. */
function show({ id, type, title, message, link = "", timestamp = "" }: PushMessage): Promise<void> {
  const data: ShownData = { hub: true, id, type, link };
  const moment = Date.parse(timestamp);
  const options = { ...self.hubNotificationOptions, body: message, tag: id, data };
  return self.registration.showNotification(title, moment ? Object.assign(options, { timestamp: moment }) : options);
}

/** Show the page that a link leads to: an open one, or a new one; without a link, any open page. */
async function open(link: string): Promise<void> {
  const target = readLink(link);
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((each) => each.url === target) ?? (target ? undefined : pages[0]);
  if (page) await page.focus();
  else await self.clients.openWindow(target ?? self.registration.scope);
}

/**
 * Return where a link leads, or undefined where it leads nowhere. The hub has checked it: a path of this origin, or a
 * URL of an origin that its settings allow. What could not have come from it is passed over.
 */
function readLink(link: string): string | undefined {
  if (!/^(\/(?![/\\])|https?:\/\/)/.test(link)) return undefined;
  try {
    const url = new URL(link, self.location.origin);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

// So that it is a module where it is bundled; the built script has no exports.
export {};
