import { NotificationHub, type PublishRequest } from "@notification-hub/service";
import { type Confirmations, NotificationClient } from "../src/index.js";

/** A client whose notifications are kept instead of sent. */
export function recorder(
  options: { confirm?: Confirmations; directory?: boolean; onError?: (failure: Error) => void } = {},
): {
  client: NotificationClient;
  said: PublishRequest[];
  orElse: (PublishRequest | undefined)[];
} {
  const said: PublishRequest[] = [];
  const orElse: (PublishRequest | undefined)[] = [];
  const hub = new NotificationHub({ url: "http://127.0.0.1:1", key: "hubk_test" });
  hub.enqueue = (request, options) => {
    orElse.push(options?.orElse);
    // Through JSON, as a subscriber would get it.
    said.push(JSON.parse(JSON.stringify(request)));
    return true;
  };
  return { client: new NotificationClient({ hub, ...options }), said, orElse };
}
