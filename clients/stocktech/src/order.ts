import type { Publish } from "@notification-hub/service";
import { column, type Item, readAmount, readId, readItems, readLine, readStatus, type Row } from "./row.js";
import { given, say, sayMoney } from "./text.js";

/** The columns of an order that are read; others are ignored. */
export interface Order {
  id?: unknown;
  orderId?: unknown;
  code?: unknown;
  orderCode?: unknown;
  /** A list, or the JSON text of one. */
  items?: unknown;
  /** A number, a decimal's text, or formatted text. */
  total?: unknown;
  status?: unknown;
  trackingCode?: unknown;
  /** Whose account is whose, where a call names none or another one. */
  buyerId?: unknown;
  sellerId?: unknown;
  buyerAccountId?: unknown;
  sellerAccountId?: unknown;
}

/** What is said to one person: a notification without its target. */
export type Said<T> = Omit<T, "user_id" | "user_ids" | "account_id">;

/** Title and words for each status; a status that is not here gets the neutral ones. */
const STATUSES = new Map<string, readonly [title: string, words: string]>([
  ["pending", ["Pedido Pendente", "está pendente"]],
  ["pending_payment", ["Pedido Aguardando Pagamento", "está aguardando o pagamento"]],
  ["awaiting_payment", ["Pedido Aguardando Pagamento", "está aguardando o pagamento"]],
  ["confirmed", ["Pedido Confirmado", "foi confirmado"]],
  ["paid", ["Pedido Pago", "foi pago"]],
  ["processing", ["Pedido em Preparação", "está em preparação"]],
  ["preparing", ["Pedido em Preparação", "está em preparação"]],
  ["shipped", ["Pedido Enviado", "foi enviado"]],
  ["in_transit", ["Pedido a Caminho", "está a caminho"]],
  ["out_for_delivery", ["Pedido Saiu para Entrega", "saiu para entrega"]],
  ["delivered", ["Pedido Entregue", "foi entregue"]],
  ["completed", ["Pedido Concluído", "foi concluído"]],
  ["cancelled", ["Pedido Cancelado", "foi cancelado"]],
  ["canceled", ["Pedido Cancelado", "foi cancelado"]],
  ["rejected", ["Pedido Recusado", "foi recusado"]],
  ["awaiting_exchange", ["Pedido Aguardando Troca", "está aguardando a troca"]],
  ["exchanged", ["Pedido Trocado", "foi trocado"]],
  ["returned", ["Pedido Devolvido", "foi devolvido"]],
  ["refunded", ["Pedido Reembolsado", "foi reembolsado"]],
]);
const NEUTRAL = ["Pedido Atualizado", "foi atualizado"] as const;
/** The statuses in which the parcel's tracking code is of interest. */
const ON_ITS_WAY = new Set(["processing", "preparing", "shipped", "in_transit", "out_for_delivery"]);

export function orderCreatedForBuyer(order: Row): Said<Publish<"order_created">> {
  return {
    type: "order_created",
    title: "Pedido realizado",
    message: say("Seu pedido {} foi criado com sucesso.", codeOf(order), "Seu pedido foi criado com sucesso."),
    data: orderData(order),
  };
}

export function orderCreatedForSeller(order: Row): Said<Publish<"order_created">> {
  const total = readAmount(column(order, "total"));
  const said = say(" Total: {}.", sayMoney(total), "");
  return {
    type: "order_created",
    title: "Novo pedido recebido",
    message: `Você recebeu um novo pedido${say(" {}", codeOf(order), "")}.${said}`,
    data: { ...orderData(order), ...given({ total }) },
  };
}

export function paymentConfirmedForBuyer(order: Row): Said<Publish<"payment_confirmed">> {
  return {
    type: "payment_confirmed",
    title: "Pagamento confirmado",
    message: say("O pagamento do seu pedido {} foi confirmado.", codeOf(order), "O seu pagamento foi confirmado."),
    data: orderData(order),
  };
}

export function paymentConfirmedForSeller(order: Row): Said<Publish<"payment_confirmed">> {
  return {
    type: "payment_confirmed",
    title: "Pagamento recebido",
    message: say(
      "O pedido {} foi pago. Já pode preparar o envio.",
      codeOf(order),
      "Um pedido foi pago. Já pode preparar o envio.",
    ),
    data: orderData(order),
  };
}

/** Say what became of an order, to its buyer or, where the row says that `user` sells it, to its seller. */
export function orderStatusUpdated(order: Row, status: unknown, user: string): Said<Publish<"order_updated">> {
  const said = readLine(status) ?? readLine(column(order, "status"));
  const word = readStatus(said);
  const [title, words] = STATUSES.get(word) ?? NEUTRAL;
  const trackingCode = readLine(column(order, "trackingCode"));
  const tracking = ON_ITS_WAY.has(word) ? say(" Código de rastreio: {}.", trackingCode, "") : "";
  const whose = readLine(column(order, "sellerId")) === user ? "O pedido" : "Seu pedido";
  return {
    type: "order_updated",
    title,
    message: `${whose}${say(" {}", codeOf(order), "")} ${words}.${tracking}`,
    data: { ...orderData(order), ...given({ status: said, trackingCode }) },
  };
}

function codeOf(order: Row): string | number | undefined {
  return readId(column(order, "orderCode", "code", "orderId", "id"));
}

function orderData(order: Row): { orderId?: number | string; orderCode?: number | string; items?: Item[] } {
  return given({
    orderId: readId(column(order, "orderId", "id")),
    orderCode: readId(column(order, "orderCode", "code")),
    items: readItems(column(order, "items")),
  });
}
