/** What the types promise; the compiler is the test. */
import type { EventOf, Hub, HubOptions, Notification, OrderCreated, Status, UnknownEvent } from "../src/index.js";
import { useHubEvent } from "../src/react.js";

declare module "../src/wire.js" {
  interface CompanyEvents {
    "whatsapp:message": UnknownEvent & { data: { from: string } };
    "whatsapp:status": Omit<UnknownEvent, "data"> & { data?: { online: boolean } };
    "whatsapp:raw": UnknownEvent;
  }
  interface OrderStatuses {
    awaiting_pickup: true;
  }
}

export function promises(hub: Hub): void {
  hub.on("order_created", (event) => {
    const code: number | string | null | undefined = event.data?.orderCode;
    const items: string | unknown[] | null | undefined = event.data?.items;
    // @ts-expect-error -- a list may arrive as its JSON
    const list: unknown[] | null | undefined = event.data?.items;
    // @ts-expect-error -- a misspelt field
    const misspelt = event.data?.orderCod;
    // @ts-expect-error -- a field of another type's data
    const wrong = event.data?.currentStock;
    // @ts-expect-error -- a field that no notification has
    const strange = event.body;
    return [code, items, list, misspelt, wrong, strange];
  });
  hub.on("whatsapp:message", (event) => event.data.from.toUpperCase());
  // @ts-expect-error -- a misspelt field of the company's own
  hub.on("whatsapp:message", (event) => event.data.form);
  hub.on("whatsapp:status", (event) => event.data?.online);
  // @ts-expect-error -- the data may be missing
  hub.on("whatsapp:status", (event) => event.data.online);
  hub.on("whatsapp:raw", (event) => event.data?.anything);
  hub.on("gap", (event) => event.data.cursor);
  // @ts-expect-error -- a misspelt name
  hub.on("order_creatd", () => undefined);
  // @ts-expect-error -- a name that was not declared
  hub.on("something:else", () => undefined);
  // @ts-expect-error -- control frames are the client's own business
  hub.on("heartbeat", () => undefined);
  // @ts-expect-error -- a misspelt name
  useHubEvent("stock_alrt", () => undefined);
  useHubEvent("stock_alert", (event) => event.data?.minStock);
  hub.onUnknown((event: UnknownEvent) => (event.type === "something:else" ? event.data?.anything : undefined));
}

export function statuses(hub: Hub): void {
  hub.on("order_updated", ({ data }) => {
    const known = data?.status === "shipped" || data?.status === "awaiting_pickup";
    // @ts-expect-error -- a misspelt status
    const misspelt = data?.status === "shiped";
    return [known, misspelt];
  });
  hub.on("exchange_validated", ({ data }) => {
    // @ts-expect-error -- a status of another type
    const wrong = data?.status === "approved_refund";
    return [data?.status === "completed_rejected_by_vendor", wrong];
  });
  hub.on("return_responded", ({ data }) => data?.status === "rejected");
  const now: Status = hub.status;
  // @ts-expect-error -- a misspelt state
  const state = now.state === "conected";
  // @ts-expect-error -- a misspelt transport
  const transport = now.transport === "websocket";
  // @ts-expect-error -- a misspelt reason
  const reason = now.reason?.code === "unauthorised";
  void [state, transport, reason, now.state === "connected", now.reason?.code === "offline"];
}

export function any(hub: Hub): void {
  hub.onAny((event: Notification) => {
    if (event.type === "order_created") return event.data?.orderCode;
    if (event.type === "whatsapp:message") return event.data.from;
    // @ts-expect-error -- a misspelt name
    if (event.type === "stock_alrt") return undefined;
    return event.title.trim();
  });
  const exact: EventOf<"order_created"> = {} as OrderCreated;
  void exact;
}

export function settings(): HubOptions[] {
  const options: HubOptions = { url: "/ws", getToken: () => "t" };
  // @ts-expect-error -- a misspelt transport
  const transports: HubOptions = { ...options, transports: ["websocket"] };
  // @ts-expect-error -- a misspelt option
  const misspelt: HubOptions = { ...options, getTokens: () => "t" };
  // @ts-expect-error -- a token is text
  const token: HubOptions = { ...options, getToken: () => 7 };
  // @ts-expect-error -- without a token there is no hub
  const none: HubOptions = { url: "/ws" };
  return [options, transports, misspelt, token, none];
}
