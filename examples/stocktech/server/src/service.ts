import type { NotificationClient } from "@notification-hub/stocktech";
import express, { type Express, type Request, type Response } from "express";
import { isName, type Name, PEOPLE, type Tokens } from "./people.js";
import type { Product, Shop } from "./shop.js";

/**
 * Return StockTech's API: products, orders, and demo tokens for every client.
 *
 * Every change is published by a call that waits for nothing: an order never fails because of a notification.
 */
export function createService(shop: Shop, tokens: Tokens, notifications: NotificationClient): Express {
  const { buyer, seller } = PEOPLE;
  const app = express();
  app.disable("x-powered-by");
  app.use(express.json({ limit: "10kb" }));

  app.get("/api/token", async (request, response) => {
    const name = request.query["user"];
    if (!isName(name)) return void response.status(401).json({ error: "Usuário desconhecido." });
    response
      .set("cache-control", "no-store")
      .type("text/plain")
      .send(await tokens.make(name));
  });

  app.use(async (request, response, next) => {
    const name = await tokens.read(request.get("authorization")?.replace(/^Bearer /, "") ?? "");
    if (!name) return void response.status(401).json({ error: "Entre novamente." });
    response.locals["name"] = name;
    next();
  });

  app.get("/api/shop", (_, response) => {
    response.set("cache-control", "no-store").json({ products: shop.products, orders: shop.orders });
  });

  app.post("/api/products", only("seller"), (request, response) => {
    const given = readProduct(request.body);
    if (!given) return void response.status(400).json({ error: "Informe nome, preço e estoque." });
    const product = shop.addProduct(given);
    void notifications.notifyProductAdded(seller.userId, seller.accountId, product);
    response.status(201).json(product);
  });

  app.delete("/api/products/:id", only("seller"), (request, response) => {
    const product = shop.removeProduct(Number(request.params["id"]));
    if (!product) return void response.status(404).json({ error: "Produto não encontrado." });
    void notifications.notifyProductDeleted(seller.userId, seller.accountId, product);
    response.status(204).end();
  });

  app.post("/api/orders", only("buyer"), (request, response) => {
    const made = shop.order(Number(request.body?.productId));
    if (!made) return void response.status(409).json({ error: "Produto sem estoque." });
    const { order, product } = made;
    void notifications.notifyOrderCreated(buyer.userId, seller.userId, buyer.accountId, seller.accountId, order);
    if (product.stock <= product.minStock) {
      void notifications.notifyStockAlert(seller.userId, seller.accountId, product);
    }
    response.status(201).json(order);
  });

  app.post("/api/orders/:id/advance", (request, response) => {
    const order = shop.advance(Number(request.params["id"]));
    if (!order) return void response.status(409).json({ error: "Este pedido já foi entregue." });
    if (order.status === "paid") {
      void notifications.notifyPaymentConfirmed(buyer.userId, seller.userId, buyer.accountId, seller.accountId, order);
    } else {
      void notifications.notifyOrderStatusUpdated(buyer.userId, buyer.accountId, order, order.status);
    }
    response.json(order);
  });

  return app;
}

function only(name: Name) {
  return (_: Request, response: Response, next: () => void): void => {
    if (response.locals["name"] === name) return next();
    response.status(403).json({ error: "Você não pode executar esta ação." });
  };
}

function readProduct(body: unknown): Omit<Product, "id"> | undefined {
  const { name, price, stock, minStock } = (body ?? {}) as Record<string, unknown>;
  const given = {
    name: String(name ?? "")
      .trim()
      .slice(0, 80),
    price: Number(price),
    stock: Number(stock),
    minStock: Number(minStock ?? 0),
  };
  const good =
    given.name &&
    given.price > 0 &&
    Number.isInteger(given.stock) &&
    given.stock >= 0 &&
    Number.isInteger(given.minStock);
  return good ? given : undefined;
}
