// One request of each type, with the data of the document's own example.
import type { components } from "./generated/openapi.js";

export type PublishRequest = components["schemas"]["PublishRequest"];

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

export const url = fromEnvironment("HUB_URL");
export const key = fromEnvironment("HUB_KEY");
export const token = fromEnvironment("HUB_TOKEN");
export const cursor = fromEnvironment("HUB_CURSOR");

export const text = { title: "Título", message: "Mensagem" };
const envelope = { ...text, user_id: fromEnvironment("HUB_USER"), account_id: fromEnvironment("HUB_ACCOUNT") };
const order = { orderId: 1234, orderCode: "PED-1234", items: [{ productId: 77, name: "Caixa 30x20", quantity: 2 }] };
const product = { productId: 77, productName: "Caixa 30x20" };

export const requests: PublishRequest[] = [
  { type: "order_created", ...envelope, data: { ...order, total: "R$ 59,80" } },
  { type: "payment_confirmed", ...envelope, data: order },
  {
    type: "order_updated",
    ...envelope,
    data: { orderId: 1234, orderCode: "PED-1234", status: "shipped", trackingCode: "BR123456789" },
  },
  { type: "stock_alert", ...envelope, data: { ...product, currentStock: 3, minStock: 5 } },
  { type: "cart_updated", ...envelope, data: { itemCount: 2 } },
  { type: "product_added", ...envelope, data: product },
  { type: "product_updated", ...envelope, data: product },
  { type: "product_deleted", ...envelope, data: product },
  { type: "transaction_created", ...envelope, data: { transactionId: 981 } },
  { type: "profile_updated", ...envelope, data: { fields: ["phone"] } },
  { type: "return_requested", ...envelope, data: { returnId: 41 } },
  { type: "return_responded", ...envelope, data: { returnId: 41, accepted: true } },
  { type: "replacement_sent", ...envelope, data: { returnId: 41 } },
  { type: "defective_received", ...envelope, data: { returnId: 41 } },
  { type: "exchange_validated", ...envelope, data: { exchangeId: 12 } },
  { type: "exchange_resolved", ...envelope, data: { exchangeId: 12 } },
  { type: "service-order:created", ...envelope, data: { serviceOrderId: 1 } },
];
export const untargeted: PublishRequest = { type: "cart_updated", ...text };
