export interface Product {
  id: number;
  name: string;
  price: number;
  stock: number;
  minStock: number;
}

export type Status = "pending" | "paid" | "shipped" | "delivered";

export interface Order {
  id: number;
  code: string;
  productName: string;
  total: number;
  status: Status;
  trackingCode?: string;
}

const NEXT: Record<Status, Status | undefined> = {
  pending: "paid",
  paid: "shipped",
  shipped: "delivered",
  delivered: undefined,
};
/** The oldest go first: this is memory. */
const MOST_KEPT = 50;

/** One seller's products and one buyer's orders, in memory. */
export class Shop {
  #products: Product[] = [];
  #orders: Order[] = [];
  #lastId = 0;

  constructor() {
    this.addProduct({ name: "Caixa organizadora 30x20", price: 39.9, stock: 12, minStock: 5 });
    this.addProduct({ name: "Fita adesiva reforçada", price: 12.5, stock: 6, minStock: 5 });
  }

  get products(): readonly Product[] {
    return this.#products;
  }

  get orders(): readonly Order[] {
    return this.#orders;
  }

  addProduct(given: Omit<Product, "id">): Product {
    const product = { ...given, id: ++this.#lastId };
    this.#products = [product, ...this.#products].slice(0, MOST_KEPT);
    return product;
  }

  removeProduct(id: number): Product | undefined {
    const product = this.#products.find((one) => one.id === id);
    this.#products = this.#products.filter((one) => one !== product);
    return product;
  }

  /** Take one piece from the shelf; undefined where there is none. */
  order(productId: number): { order: Order; product: Product } | undefined {
    const product = this.#products.find((one) => one.id === productId);
    if (!product || product.stock < 1) return undefined;
    product.stock--;
    const id = ++this.#lastId;
    const code = `PED-${String(1000 + id)}`;
    const order: Order = { id, code, productName: product.name, total: product.price, status: "pending" };
    this.#orders = [order, ...this.#orders].slice(0, MOST_KEPT);
    return { order, product };
  }

  /** Move an order to its next status; undefined where it has none. */
  advance(id: number): Order | undefined {
    const order = this.#orders.find((one) => one.id === id);
    const status = order && NEXT[order.status];
    if (!order || !status) return undefined;
    order.status = status;
    if (status === "shipped") order.trackingCode = `BR${String(id).padStart(9, "0")}ST`;
    return order;
  }
}
