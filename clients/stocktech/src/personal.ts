import type { Publish } from "@notification-hub/service";
import type { Said } from "./order.js";
import { column, readAmount, readId, readLine, readMoment, readName, readNumber, readStatus, type Row } from "./row.js";
import { given, say, sayMoney } from "./text.js";

/** What is read of a change of a cart. */
export interface Cart {
  /** `add`, `remove`, `update`, `clear`. */
  action?: unknown;
  cartId?: unknown;
  itemId?: unknown;
  productId?: unknown;
  productName?: unknown;
  quantity?: unknown;
  itemCount?: unknown;
  total?: unknown;
}

/** The columns of a transaction that are read. */
export interface Transaction {
  id?: unknown;
  transactionId?: unknown;
  transactionCode?: unknown;
  /** `sale`, `purchase` or another value. */
  type?: unknown;
  productId?: unknown;
  productName?: unknown;
  counterparty?: unknown;
  counterpartyRole?: unknown;
  amount?: unknown;
  quantity?: unknown;
  status?: unknown;
  date?: unknown;
}

/** The columns of a profile that are read. */
export interface Profile {
  storeName?: unknown;
  rating?: unknown;
  totalSales?: unknown;
}

const CART = new Map([
  ["add", "Um produto foi adicionado ao seu carrinho."],
  ["added", "Um produto foi adicionado ao seu carrinho."],
  ["remove", "Um produto foi removido do seu carrinho."],
  ["removed", "Um produto foi removido do seu carrinho."],
  ["clear", "Seu carrinho foi esvaziado."],
  ["cleared", "Seu carrinho foi esvaziado."],
]);

const TRANSACTIONS = new Map([
  ["sale", "Uma venda foi registrada"],
  ["purchase", "Uma compra foi registrada"],
  ["return", "Uma devolução foi registrada"],
  ["refund", "Um reembolso foi registrado"],
]);

export function cartUpdated(cart: Row): Said<Publish<"cart_updated">> {
  const action = readStatus(column(cart, "action"));
  return {
    type: "cart_updated",
    title: "Carrinho atualizado",
    message: CART.get(action) ?? "Seu carrinho foi atualizado.",
    data: given({
      action: readLine(column(cart, "action")),
      cartId: readId(column(cart, "cartId")),
      itemId: readId(column(cart, "itemId")),
      productId: readId(column(cart, "productId")),
      productName: readLine(column(cart, "productName")),
      quantity: readNumber(column(cart, "quantity")),
      itemCount: readNumber(column(cart, "itemCount")),
      total: readAmount(column(cart, "total")),
    }),
  };
}

export function transactionCreated(row: Row): Said<Publish<"transaction_created">> {
  const kind = TRANSACTIONS.get(readStatus(column(row, "type"))) ?? "Uma nova transação foi registrada";
  const amount = readAmount(column(row, "amount"));
  const product = readLine(column(row, "productName"));
  return {
    type: "transaction_created",
    title: "Nova transação",
    message: `${kind}${say(": {}", product, "")}.${say(" Valor: {}.", sayMoney(amount), "")}`,
    data: given({
      transactionId: readId(column(row, "transactionId", "id")),
      transactionCode: readLine(column(row, "transactionCode")),
      type: readLine(column(row, "type")),
      productId: readId(column(row, "productId")),
      productName: product,
      counterparty: readName(column(row, "counterparty")),
      counterpartyRole: readLine(column(row, "counterpartyRole")),
      amount,
      quantity: readNumber(column(row, "quantity")),
      status: readLine(column(row, "status")),
      date: readMoment(column(row, "date")),
    }),
  };
}

export function profileUpdated(row: Row): Said<Publish<"profile_updated">> {
  return {
    type: "profile_updated",
    title: "Perfil atualizado",
    message: "Seu perfil foi atualizado.",
    data: given({
      storeName: readLine(column(row, "storeName")),
      rating: readAmount(column(row, "rating")),
      totalSales: readNumber(column(row, "totalSales")),
    }),
  };
}
