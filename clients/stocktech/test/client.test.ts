import { describe, expect, test } from "vitest";
import type { NotificationClient } from "../src/index.js";
import { recorder } from "./publisher.js";

const ORDER = { id: 41, orderCode: "PED-41", items: [{ sku: "A", quantity: 2 }], total: 1234.5 };
const DATA = { orderId: 41, orderCode: "PED-41", items: ORDER.items };
const PRODUCT = { id: 77, name: "Caixa 30x20", currentStock: 3, minStock: 5 };

describe("an order", () => {
  test("is told to buyer and seller in different words, each in their own account", async () => {
    const { client, said } = recorder();
    await client.notifyOrderCreated("10", "20", "conta-a", "conta-b", ORDER);
    expect(said).toEqual([
      {
        type: "order_created",
        title: "Pedido realizado",
        message: "Seu pedido PED-41 foi criado com sucesso.",
        data: DATA,
        user_id: "10",
        account_id: "conta-a",
      },
      {
        type: "order_created",
        title: "Novo pedido recebido",
        message: "Você recebeu um novo pedido PED-41. Total: R$\u00a01.234,50.",
        data: { ...DATA, total: 1234.5 },
        user_id: "20",
        account_id: "conta-b",
      },
    ]);
  });

  test("by the plan's signature finds buyer and seller each in their own account", async () => {
    const { client, said } = recorder();
    await client.notifyOrderCreated("10", "20", "conta-a", ORDER);
    await client.notifyPaymentConfirmed("10", "20", "conta-a", ORDER);
    expect(said.map(({ user_id, account_id }) => [user_id, account_id])).toEqual([
      ["10", undefined],
      ["20", undefined],
      ["10", undefined],
      ["20", undefined],
    ]);
  });

  test("by the plan's signature uses the one account where the hub cannot look users up", async () => {
    const { client, said } = recorder({ directory: false });
    await client.notifyOrderCreated("10", "20", "conta-a", ORDER);
    expect(said.map(({ account_id }) => account_id)).toEqual(["conta-a", "conta-a"]);
  });

  test("that was paid is told to buyer and seller in different words", async () => {
    const { client, said } = recorder();
    await client.notifyPaymentConfirmed(10, 20, "conta-a", "conta-b", ORDER);
    expect(said.map(({ title, message, user_id, account_id }) => [title, message, user_id, account_id])).toEqual([
      ["Pagamento confirmado", "O pagamento do seu pedido PED-41 foi confirmado.", "10", "conta-a"],
      ["Pagamento recebido", "O pedido PED-41 foi pago. Já pode preparar o envio.", "20", "conta-b"],
    ]);
    expect(said.map(({ data }) => data)).toEqual([DATA, DATA]);
  });

  test.each([
    ["processing", "Seu pedido PED-41 está em preparação. Código de rastreio: BR1."],
    ["shipped", "Seu pedido PED-41 foi enviado. Código de rastreio: BR1."],
    ["delivered", "Seu pedido PED-41 foi entregue. Código de rastreio: BR1."],
    ["cancelled", "Seu pedido PED-41 foi cancelado. Código de rastreio: BR1."],
    ["na doca", "Seu pedido PED-41 mudou para: na doca. Código de rastreio: BR1."],
  ])("that is now %s is told to the buyer", async (status, message) => {
    const { client, said } = recorder();
    await client.notifyOrderStatusUpdated("10", "conta-a", { ...ORDER, trackingCode: "BR1" }, status);
    const data = { ...DATA, status, trackingCode: "BR1" };
    expect(said).toEqual([
      { type: "order_updated", title: "Pedido atualizado", message, data, user_id: "10", account_id: "conta-a" },
    ]);
  });

  test("without a number or a total still reads well", async () => {
    const { client, said } = recorder();
    await client.notifyOrderCreated("10", "20", null, null, { total: null });
    expect(said.map(({ message }) => message)).toEqual([
      "Seu pedido foi criado com sucesso.",
      "Você recebeu um novo pedido.",
    ]);
  });

  test("with a total that somebody formatted keeps it", async () => {
    const { client, said } = recorder();
    await client.notifyOrderCreated("10", "20", "a", "b", { ...ORDER, total: "R$ 7,00" });
    expect(said[1]).toMatchObject({ message: expect.stringContaining("Total: R$ 7,00."), data: { total: "R$ 7,00" } });
  });
});

describe("a product", () => {
  const named = { productId: 77, productName: "Caixa 30x20" };

  test("whose stock is low is told with what is left", async () => {
    const { client, said } = recorder();
    await client.notifyStockAlert("20", "conta-b", PRODUCT);
    expect(said).toEqual([
      {
        type: "stock_alert",
        title: "Estoque baixo",
        message: "Restam 3 unidades de Caixa 30x20 (mínimo: 5).",
        data: { ...named, currentStock: 3, minStock: 5 },
        user_id: "20",
        account_id: "conta-b",
      },
    ]);
  });

  test("has quantities that are numbers, whatever the database's driver says", async () => {
    const { client, said } = recorder();
    await client.notifyStockAlert("20", "conta-b", { name: "Caixa", stock: "1.00", minStock: "" });
    expect(said[0]).toMatchObject({ message: "Resta 1 unidade de Caixa.", data: { currentStock: 1 } });
    expect(said[0]?.data).not.toHaveProperty("minStock");
  });

  test.each([
    ["notifyProductAdded", "product_added", "Produto adicionado", "O produto Caixa 30x20 foi adicionado ao catálogo."],
    ["notifyProductUpdated", "product_updated", "Produto atualizado", "O produto Caixa 30x20 foi atualizado."],
    ["notifyProductDeleted", "product_deleted", "Produto removido", "O produto Caixa 30x20 foi removido do catálogo."],
  ] as const)("%s says what happened", async (method, type, title, message) => {
    const { client, said } = recorder();
    await client[method]("20", "conta-b", PRODUCT);
    expect(said).toEqual([{ type, title, message, data: named, user_id: "20", account_id: "conta-b" }]);
  });
});

describe("the types with free data", () => {
  test.each([
    ["notifyCartUpdated", "cart_updated", "Carrinho atualizado"],
    ["notifyTransactionCreated", "transaction_created", "Nova transação"],
    ["notifyProfileUpdated", "profile_updated", "Perfil atualizado"],
    ["notifyReturnRequested", "return_requested", "Devolução solicitada"],
    ["notifyReturnResponded", "return_responded", "Devolução respondida"],
    ["notifyReplacementSent", "replacement_sent", "Produto de troca enviado"],
    ["notifyDefectiveReceived", "defective_received", "Produto com defeito recebido"],
    ["notifyExchangeValidated", "exchange_validated", "Troca validada"],
    ["notifyExchangeResolved", "exchange_resolved", "Troca concluída"],
  ] as const)("%s publishes %s with its data untouched", async (method, type, title) => {
    const { client, said } = recorder();
    await client[method](30, 40, { returnId: 5, deep: { reason: "quebrado" } });
    const data = { returnId: 5, deep: { reason: "quebrado" } };
    expect(said).toEqual([{ type, title, message: expect.any(String), data, user_id: "30", account_id: "40" }]);
  });
});

describe("what the caller composed", () => {
  const OLD = { type: "stock_alert", title: "Olá", message: "Mundo", data: { productId: 1 } };

  test("goes to one user, with or without an account", async () => {
    const { client, said } = recorder();
    await client.sendNotificationToUser("10", OLD);
    await client.sendNotificationToUser("10", "conta-a", OLD);
    expect(said).toEqual([
      { ...OLD, user_id: "10" },
      { ...OLD, user_id: "10", account_id: "conta-a" },
    ]);
  });

  test("goes to several users as one notification, and to more than the hub takes as several", async () => {
    const { client, said } = recorder();
    await client.broadcastToUsers(["10", 20], "conta-a", OLD);
    await client.broadcastToUsers(Array.from({ length: 5001 }, (_, index) => index), OLD);
    await client.broadcastToUsers([], OLD);
    expect(said.map(({ user_ids }) => user_ids?.length)).toEqual([2, 5000, 1]);
    expect(said[0]).toEqual({ ...OLD, user_ids: ["10", "20"], account_id: "conta-a" });
  });

  test("goes to an account", async () => {
    const { client, said } = recorder();
    await client.broadcastToAccount("conta-a", OLD);
    expect(said).toEqual([{ ...OLD, account_id: "conta-a" }]);
  });

  test("keeps a moment that is one, in the hub's format", async () => {
    const { client, said } = recorder();
    await client.broadcastToAccount("a", { ...OLD, timestamp: "2026-11-22T10:00:00-03:00" });
    await client.broadcastToAccount("a", { ...OLD, timestamp: "ontem" });
    expect(said.map(({ timestamp }) => timestamp)).toEqual(["2026-11-22T13:00:00.000Z", undefined]);
  });
});

describe("never in the way", () => {
  const WRONG: [string, (client: NotificationClient) => Promise<void>][] = [
    ["no order", (client) => client.notifyOrderCreated("10", "20", "a", "b", undefined as never)],
    ["nobody", (client) => client.notifyCartUpdated(undefined as never, "a", {})],
    ["no list", (client) => client.broadcastToUsers(null as never, { type: "stock_alert" })],
    ["no notification", (client) => client.broadcastToAccount("a", undefined as never)],
  ];

  test.each(WRONG)("a call that makes no sense is told to the hook: %s", async (_, call) => {
    const failures: Error[] = [];
    const { client, said } = recorder({ onError: (failure) => failures.push(failure) });
    await call(client);
    expect(said).toEqual([]);
    expect(failures.length).toBeGreaterThan(0);
  });
});
