import { describe, expect, test } from "vitest";
import type { HubRefused } from "@notification-hub/service";
import { NotificationClient } from "../src/index.js";
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
        message: "Você recebeu um novo pedido PED-41. Total: R$ 1.234,50.",
        data: { ...DATA, total: 1234.5 },
        user_id: "20",
        account_id: "conta-b",
      },
    ]);
  });

  test("has to be confirmed by each of them where the client was told so, and nothing else has", async () => {
    const confirm = { within_seconds: 60, by: "delivered" } as const;
    const { client, said, orElse } = recorder({ confirm: { order_created: confirm } });
    await client.notifyOrderCreated("10", "20", "conta-a", "conta-b", ORDER);
    await client.notifyStockAlert("20", "conta-b", PRODUCT);
    expect(said.map((each) => each.confirm)).toEqual([confirm, confirm, undefined]);
    expect(orElse.map((each) => each?.confirm)).toEqual([confirm, confirm, undefined]);
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
    ["processing", "Pedido em Preparação", "Seu pedido PED-41 está em preparação. Código de rastreio: BR1."],
    ["shipped", "Pedido Enviado", "Seu pedido PED-41 foi enviado. Código de rastreio: BR1."],
    ["delivered", "Pedido Entregue", "Seu pedido PED-41 foi entregue."],
    ["cancelled", "Pedido Cancelado", "Seu pedido PED-41 foi cancelado."],
    ["na doca", "Pedido Atualizado", "Seu pedido PED-41 foi atualizado."],
  ])("that is now %s is told to the buyer", async (status, title, message) => {
    const { client, said } = recorder();
    await client.notifyOrderStatusUpdated("10", "conta-a", { ...ORDER, trackingCode: "BR1" }, status);
    const data = { ...DATA, status, trackingCode: "BR1" };
    expect(said).toEqual([{ type: "order_updated", title, message, data, user_id: "10", account_id: "conta-a" }]);
  });

  test("by the plan's signature may have its items as JSON text and its total as a decimal's", async () => {
    const { client, said } = recorder();
    await client.notifyOrderCreated("10", "20", "a", {
      ...ORDER,
      items: JSON.stringify(ORDER.items),
      total: "1234.50",
    });
    expect(said[1]).toMatchObject({
      message: expect.stringContaining("R$ 1.234,50"),
      data: { ...DATA, total: "1234.50" },
    });
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
    ["notifyReturnRequested", "return_requested", "Devolução Solicitada"],
    ["notifyReturnResponded", "return_responded", "Devolução Respondida"],
    ["notifyReplacementSent", "replacement_sent", "Produto de Troca Enviado"],
    ["notifyDefectiveReceived", "defective_received", "Produto com Defeito Recebido"],
    ["notifyExchangeValidated", "exchange_validated", "Troca Atualizada"],
    ["notifyExchangeResolved", "exchange_resolved", "Troca Atualizada"],
  ] as const)("%s publishes %s with the columns that were chosen for it", async (method, type, title) => {
    const { client, said } = recorder();
    await client[method](30, 40, { productId: 5, quantity: "2", deep: { reason: "quebrado" }, cpf: "12345678901" });
    const data = method === "notifyProfileUpdated" ? {} : { productId: 5, quantity: 2 };
    expect(said).toEqual([{ type, title, message: expect.any(String), data, user_id: "30", account_id: "40" }]);
  });
});

describe("an account", () => {
  const row = { ...ORDER, buyerId: "10", sellerId: "20", buyerAccountId: "a", sellerAccountId: "b", accountId: "a" };
  const accounts = (method: "notifyOrderCreated", ...rest: unknown[]) => {
    const { client, said, orElse } = recorder();
    (client[method] as (...given: unknown[]) => unknown)("10", "20", ...rest);
    return { said: said.map(({ account_id }) => account_id), orElse: orElse.map((one) => one?.account_id) };
  };

  test.each<[string, unknown[], (string | undefined)[], (string | undefined)[]]>([
    ["that the row confirms is named", ["a", "b", row], ["a", "b"], [undefined, undefined]],
    ["that differs from the row's is a guess", ["a", "c", row], ["a", undefined], [undefined, "c"]],
    ["that is the buyer's for both is a guess for the seller", ["a", "a", row], ["a", undefined], [undefined, "a"]],
    [
      "that both have is named where the row says so",
      ["a", "a", { ...row, sellerAccountId: "a" }],
      ["a", "a"],
      [undefined, undefined],
    ],
    ["that is one for both, and no row to tell", ["a", "a", ORDER], [undefined, undefined], ["a", "a"]],
    ["that is another for each, and no row to tell, is named", ["a", "b", ORDER], ["a", "b"], [undefined, undefined]],
    ["of the plan's signature is looked up", ["a", ORDER], [undefined, undefined], ["a", "a"]],
    ["of the plan's signature is named for whom the row confirms it", ["a", row], ["a", undefined], [undefined, "a"]],
    ["of nobody is looked up", [null, "", ORDER], [undefined, undefined], [undefined, undefined]],
  ])("%s", (_, given, named, otherwise) => {
    expect(accounts("notifyOrderCreated", ...given)).toEqual({ said: named, orElse: otherwise });
  });

  test.each([
    ["the buyer's for a seller", "20", "a", undefined],
    ["the seller's for a seller", "20", "b", "b"],
    ["the buyer's for a buyer", "10", "a", "a"],
    ["another's for a buyer", "10", "c", undefined],
    ["whatever it is for somebody of whom the row says nothing", "30", "c", "c"],
  ])("of a return: %s", async (_, user, account, named) => {
    const { client, said } = recorder();
    await client.notifyExchangeResolved(user, account, { buyerId: "10", sellerId: "20", accountId: "a" });
    expect(said[0]?.account_id).toBe(named);
  });

  test("is believed without a directory, guess or not, and nothing else is tried", async () => {
    const { client, said, orElse } = recorder({ directory: false });
    await client.notifyOrderCreated("10", "20", "a", "a", row);
    await client.sendNotificationToUser("10", "x", { type: "cart_updated" });
    expect(said.map(({ account_id }) => account_id)).toEqual(["a", "a", "x"]);
    expect(orElse).toEqual([undefined, undefined, undefined]);
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
    await client.broadcastToUsers(
      Array.from({ length: 5001 }, (_, index) => index),
      OLD,
    );
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
  test("a method that is taken off the client works", async () => {
    const { client, said } = recorder();
    const { notifyCartUpdated, notifyOrderCreated, broadcastToAccount } = client;
    await notifyCartUpdated("10", "a", {});
    await notifyOrderCreated("10", "20", "a", "b", ORDER);
    await broadcastToAccount("a", { type: "stock_alert" });
    expect(said.length).toBe(4);
  });

  test.each([
    ["without an account", undefined],
    ["with one", "conta-a"],
  ])("to a list, %s, reaches everybody but those whom the directory does not know", async (_, account) => {
    const strangers = ["3", "8"];
    const reached: string[] = [];
    const lost: unknown[] = [];
    const client = new NotificationClient({
      url: "http://127.0.0.1:1",
      key: "hubk_test",
      onError: (failure, told) => lost.push([(failure as HubRefused).code, told?.user_ids]),
      fetch: async (_url, init) => {
        const { user_ids: users } = JSON.parse(String(init?.body)) as { user_ids: string[] };
        const problem = { code: "unknown_target", title: "A target cannot be resolved", status: 422 };
        if (users.some((user) => strangers.includes(user))) return Response.json(problem, { status: 422 });
        reached.push(...users);
        return Response.json({ id: "x", cursor: "x", duplicate: false, connections: 0 }, { status: 202 });
      },
    });
    const everybody = Array.from({ length: 11 }, (_, index) => String(index));
    await client.broadcastToUsers(everybody, account, { type: "cart_updated", title: "t", message: "m" });
    expect(await client.hub.flush(5000)).toBe(true);
    expect(reached.sort()).toEqual(everybody.filter((user) => !strangers.includes(user)).sort());
    expect(lost.sort()).toEqual([
      ["unknown_target", ["3"]],
      ["unknown_target", ["8"]],
    ]);
  });

  test.each([undefined, null, 5, "PED-41"])(
    "is announced without its details where there is no row but %j",
    async (row) => {
      const { client, said, orElse } = recorder();
      await client.notifyOrderCreated("10", "20", "a", "b", row as never);
      await client.notifyPaymentConfirmed("10", "20", "a", row as never);
      await client.notifyOrderStatusUpdated("10", "a", row as never, "shipped");
      await client.notifyStockAlert("20", "b", row as never);
      await client.notifyProductDeleted("20", "b", row as never);
      expect(said.map(({ message }) => message)).toEqual([
        "Seu pedido foi criado com sucesso.",
        "Você recebeu um novo pedido.",
        "O seu pagamento foi confirmado.",
        "Um pedido foi pago. Já pode preparar o envio.",
        "Seu pedido foi enviado.",
        "O estoque de um produto está baixo.",
        "Um produto foi removido do catálogo.",
      ]);
      const accounts = [...said, ...orElse].map((one) => (one as { account_id?: string } | undefined)?.account_id);
      expect(accounts.slice(0, 2)).toEqual(["a", "b"]);
      // The plan's signature: its one account is a guess, with an order or without.
      expect([accounts.slice(2, 4), accounts.slice(9, 11)]).toEqual([
        [undefined, undefined],
        ["a", "a"],
      ]);
    },
  );

  const WRONG: [string, (client: NotificationClient) => Promise<void>][] = [
    ["nobody", (client) => client.notifyCartUpdated(undefined as never, "a", {})],
    ["no list", (client) => client.broadcastToUsers(null as never, { type: "stock_alert" })],
    ["no notification", (client) => client.broadcastToAccount("a", undefined as never)],
    ["no notification for a user", (client) => client.sendNotificationToUser("10", "a", undefined as never)],
    ["a blank user", (client) => client.notifyCartUpdated(" ", "a", {})],
    ["an object for a user", (client) => client.notifyCartUpdated({ id: 1 } as never, "a", {})],
    ["no account", (client) => client.broadcastToAccount(undefined as never, { type: "stock_alert" })],
    ["somebody among nobody", (client) => client.broadcastToUsers(["10", null as never], { type: "stock_alert" })],
    ["a number that is none", (client) => client.notifyCartUpdated(Number.NaN, "a", {})],
    ["a number that was rounded", (client) => client.notifyCartUpdated(2 ** 60, "a", {})],
  ];

  test.each(WRONG)("a call that makes no sense is reported to the hook: %s", async (_, call) => {
    const failures: Error[] = [];
    const { client, said } = recorder({ onError: (failure) => failures.push(failure) });
    await call(client);
    expect(said).toEqual([]);
    expect(failures.length).toBeGreaterThan(0);
  });
});
