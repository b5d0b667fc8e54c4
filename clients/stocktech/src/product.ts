import type { Publish } from "@notification-hub/service";
import type { Said } from "./order.js";
import { given, type Id, say } from "./text.js";

/** A quantity; drivers hand a database's decimals over as text. */
type Quantity = number | string;

/** A product, as StockTech's modules hand it over. */
export interface Product {
  id?: Id | null;
  productId?: Id | null;
  name?: string | null;
  productName?: string | null;
  currentStock?: Quantity | null;
  stock?: Quantity | null;
  minStock?: Quantity | null;
}

export function stockAlert(product: Product): Said<Publish<"stock_alert">> {
  const currentStock = count(product.currentStock ?? product.stock);
  const minStock = count(product.minStock);
  const name = say("{}", nameOf(product), "um produto");
  const minimum = say(" (mínimo: {})", minStock, "");
  const left = currentStock === undefined ? `O estoque de ${name} está baixo` : `${sayLeft(currentStock)} de ${name}`;
  return {
    type: "stock_alert",
    title: "Estoque baixo",
    message: `${left}${minimum}.`,
    data: { ...productData(product), ...given({ currentStock, minStock }) },
  };
}

export function productAdded(product: Product): Said<Publish<"product_added">> {
  return { type: "product_added", title: "Produto adicionado", ...told(product, "adicionado ao catálogo") };
}

export function productUpdated(product: Product): Said<Publish<"product_updated">> {
  return { type: "product_updated", title: "Produto atualizado", ...told(product, "atualizado") };
}

export function productDeleted(product: Product): Said<Publish<"product_deleted">> {
  return { type: "product_deleted", title: "Produto removido", ...told(product, "removido do catálogo") };
}

function told(product: Product, what: string): { message: string; data: ReturnType<typeof productData> } {
  const message = say(`O produto {} foi ${what}.`, nameOf(product), `Um produto foi ${what}.`);
  return { message, data: productData(product) };
}

function count(quantity: Quantity | null | undefined): number | undefined {
  // `Number("")` would be nothing left.
  const number = quantity === null || quantity === undefined || quantity === "" ? Number.NaN : Number(quantity);
  return Number.isFinite(number) ? number : undefined;
}

function sayLeft(left: number): string {
  return left === 1 ? "Resta 1 unidade" : `Restam ${left} unidades`;
}

function nameOf(product: Product): string | undefined {
  return product.productName ?? product.name ?? undefined;
}

function productData(product: Product): { productId?: Id; productName?: string } {
  return given({ productId: product.productId ?? product.id ?? undefined, productName: nameOf(product) });
}
