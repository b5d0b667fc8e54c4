import type { Publish } from "@notification-hub/service";
import type { Said } from "./order.js";
import { column, readId, readLine, readNumber, type Row } from "./row.js";
import { given, say, sayCount } from "./text.js";

/** The columns of a product that are read; others are ignored. */
export interface Product {
  id?: unknown;
  productId?: unknown;
  name?: unknown;
  productName?: unknown;
  /** What is left, by each of its names; a number or a decimal's text. */
  currentStock?: unknown;
  quantity?: unknown;
  stock?: unknown;
  /** The quantity at which to warn, by each of its names. */
  minStock?: unknown;
  minQuantity?: unknown;
}

export function stockAlert(product: Row): Said<Publish<"stock_alert">> {
  const currentStock = readNumber(column(product, "currentStock", "quantity", "stock"));
  const minStock = readNumber(column(product, "minStock", "minQuantity"));
  const name = say("{}", nameOf(product), "um produto");
  const minimum = minStock === undefined ? "" : ` (mínimo: ${sayCount(minStock)})`;
  const left = currentStock === undefined ? `O estoque de ${name} está baixo` : `${sayLeft(currentStock)} de ${name}`;
  return {
    type: "stock_alert",
    title: "Estoque baixo",
    message: `${left}${minimum}.`,
    data: { ...productData(product), ...given({ currentStock, minStock }) },
  };
}

export function productAdded(product: Row): Said<Publish<"product_added">> {
  return { type: "product_added", title: "Produto adicionado", ...describe(product, "adicionado ao catálogo") };
}

export function productUpdated(product: Row): Said<Publish<"product_updated">> {
  return { type: "product_updated", title: "Produto atualizado", ...describe(product, "atualizado") };
}

export function productDeleted(product: Row): Said<Publish<"product_deleted">> {
  return { type: "product_deleted", title: "Produto removido", ...describe(product, "removido do catálogo") };
}

function describe(product: Row, what: string): { message: string; data: ReturnType<typeof productData> } {
  const message = say(`O produto {} foi ${what}.`, nameOf(product), `Um produto foi ${what}.`);
  return { message, data: productData(product) };
}

function sayLeft(left: number): string {
  if (left <= 0) return "Não resta nenhuma unidade";
  return left === 1 ? "Resta 1 unidade" : `Restam ${sayCount(left)} unidades`;
}

function nameOf(product: Row): string | undefined {
  return readLine(column(product, "productName", "name"));
}

function productData(product: Row): { productId?: number | string; productName?: string } {
  return given({ productId: readId(column(product, "productId", "id")), productName: nameOf(product) });
}
