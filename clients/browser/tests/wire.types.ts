/** What the types promise; the compiler is the test. */
import type { EventOf, Hub, Notification, OrderCreated, UnknownEvent } from "../src/index.js";

declare module "../src/wire.js" {
  interface CompanyEvents {
    "whatsapp:message": UnknownEvent & { data: { from: string } };
  }
}

export function promises(hub: Hub): void {
  hub.on("order_created", (event) => {
    const code: number | string | null | undefined = event.data?.orderCode;
    const further: unknown = event.data?.somethingNew;
    // @ts-expect-error -- a field of another type's data is not of this type
    const wrong: string = event.data?.currentStock;
    return [code, further, wrong];
  });
  hub.on("whatsapp:message", (event) => event.data.from.toUpperCase());
  hub.on("gap", (event) => event.data.cursor);
  hub.on("something:else", (event: UnknownEvent) => event.data?.anything);
  // @ts-expect-error -- control frames are the client's own business
  hub.on("heartbeat", (event: { cursor: string; type: "heartbeat" }) => event.cursor);
  hub.onAny((event: Notification) => {
    if (event.type === "order_created") event.title.trim();
  });
  const exact: EventOf<"order_created"> = {} as OrderCreated;
  void exact;
}
