import { NotificationHub } from "@notification-hub/service";

let hub: NotificationHub | undefined;

/** Return the server's way to the hub; the service key never leaves the server. */
export function getHub(): NotificationHub {
  const { AVADMIN_API_URL: url, NOTIFICATION_HUB_KEY: key } = process.env;
  if (!url || !key) throw new Error("AVADMIN_API_URL or NOTIFICATION_HUB_KEY is missing");
  return (hub ??= new NotificationHub({ url, key, deadlineMs: 4_000 }));
}
