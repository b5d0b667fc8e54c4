import type { Publish } from "@notification-hub/service";
import { given, type Id, say, sayMoney } from "./text.js";

/** An order, as StockTech's modules hand it over; what else it has stays where it is. */
export interface Order {
  id?: Id | null;
  orderId?: Id | null;
  code?: Id | null;
  orderCode?: Id | null;
  items?: unknown[] | null;
  total?: number | string | null;
  trackingCode?: string | null;
}

/** What is said to one person: a notification without its address. */
export type Said<T> = Omit<T, "user_id" | "user_ids" | "account_id">;

const STATUS_WORDS: Record<string, string> = {
  pending: "está pendente",
  confirmed: "foi confirmado",
  paid: "foi pago",
  processing: "está em preparação",
  shipped: "foi enviado",
  delivered: "foi entregue",
  cancelled: "foi cancelado",
  canceled: "foi cancelado",
  returned: "foi devolvido",
  refunded: "foi reembolsado",
};

export function orderCreatedForBuyer(order: Order): Said<Publish<"order_created">> {
  return {
    type: "order_created",
    title: "Pedido realizado",
    message: say("Seu pedido {} foi criado com sucesso.", code(order), "Seu pedido foi criado com sucesso."),
    data: orderData(order),
  };
}

export function orderCreatedForSeller(order: Order): Said<Publish<"order_created">> {
  const number = say(" {}", code(order), "");
  const total = say(" Total: {}.", sayMoney(order.total), "");
  return {
    type: "order_created",
    title: "Novo pedido recebido",
    message: `Você recebeu um novo pedido${number}.${total}`,
    data: { ...orderData(order), ...given({ total: order.total ?? undefined }) },
  };
}

export function paymentConfirmedForBuyer(order: Order): Said<Publish<"payment_confirmed">> {
  return {
    type: "payment_confirmed",
    title: "Pagamento confirmado",
    message: say("O pagamento do seu pedido {} foi confirmado.", code(order), "O seu pagamento foi confirmado."),
    data: orderData(order),
  };
}

export function paymentConfirmedForSeller(order: Order): Said<Publish<"payment_confirmed">> {
  return {
    type: "payment_confirmed",
    title: "Pagamento recebido",
    message: say(
      "O pedido {} foi pago. Já pode preparar o envio.",
      code(order),
      "Um pedido foi pago. Já pode preparar o envio.",
    ),
    data: orderData(order),
  };
}

export function orderStatusUpdated(order: Order, status: string): Said<Publish<"order_updated">> {
  const number = say(" {}", code(order), "");
  const words = STATUS_WORDS[status] ?? `mudou para: ${status}`;
  const tracking = say(" Código de rastreio: {}.", order.trackingCode, "");
  return {
    type: "order_updated",
    title: "Pedido atualizado",
    message: `Seu pedido${number} ${words}.${tracking}`,
    data: { ...orderData(order), status, ...given({ trackingCode: order.trackingCode ?? undefined }) },
  };
}

function code(order: Order): Id | undefined {
  return order.orderCode ?? order.code ?? order.orderId ?? order.id ?? undefined;
}

function orderData(order: Order): { orderId?: Id; orderCode?: Id; items?: unknown[] } {
  return given({
    orderId: order.orderId ?? order.id ?? undefined,
    orderCode: order.orderCode ?? order.code ?? undefined,
    items: order.items ?? undefined,
  });
}
