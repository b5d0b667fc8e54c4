import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { NotificationClient } from "@notification-hub/stocktech";
import { DEMO_USERS, type Frame, type Listener, LocalHub } from "@notification-hub/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { AT, ITEMS, ORDER, PRODUCT, RETURN, RETURN_DATA, STRANGER, TRANSACTION } from "./rows.js";

const { buyer: BUYER, seller: SELLER } = DEMO_USERS;

/** Every call site of the old interface, with its row, through the built package, a real hub and a real directory. */

type Call = keyof {
  [N in keyof NotificationClient as N extends `notify${string}` ? N : never]: true;
};
type Who = "buyer" | "seller";
interface Heard {
  title: string;
  message: string;
  data: object;
}

const IDS = { buyer: BUYER, seller: SELLER };
const [BUYERS, SELLERS] = [BUYER.accountId, SELLER.accountId];
const ITEM = { productId: 31, productName: "Bateria B12", quantity: 3, price: "150.00", sellerName: "Norte Peças" };
const ORDER_DATA = { orderId: 58, orderCode: "PED-58", items: [ITEM] };
const PRODUCT_DATA = { productId: 31, productName: "Bateria B12" };

const created: Record<Who, Heard> = {
  buyer: { title: "Pedido realizado", message: "Seu pedido PED-58 foi criado com sucesso.", data: ORDER_DATA },
  seller: {
    title: "Novo pedido recebido",
    message: "Você recebeu um novo pedido PED-58. Total: R$ 2.480,90.",
    data: { ...ORDER_DATA, total: "2480.90" },
  },
};

const status = (name: string, title: string, message: string, further: object = {}) =>
  [
    `order_updated ${name}`,
    "notifyOrderStatusUpdated",
    [BUYER.userId, BUYERS, { ...ORDER, status: name, ...further }, name],
    { buyer: { title, message, data: { ...ORDER_DATA, status: name, ...further } } },
  ] as const;

const about = (call: Call, title: string, message: string, data: object = PRODUCT_DATA) =>
  [call, call, [SELLER.userId, SELLERS, PRODUCT], { seller: { title, message, data } }] as const;

const returned = (
  call: Call,
  who: Who,
  account: string,
  changes: Partial<typeof RETURN>,
  title: string,
  message: string,
  further: object,
) => {
  const row = { ...RETURN, ...changes };
  const data = { ...RETURN_DATA, status: row.status, ...further };
  return [`${call} ${row.status}`, call, [IDS[who].userId, account, row], { [who]: { title, message, data } }] as const;
};

const CALLS: readonly (readonly [string, Call, readonly unknown[], { [W in Who]?: Heard }])[] = [
  ["an order", "notifyOrderCreated", [BUYER.userId, SELLER.userId, BUYERS, SELLERS, ORDER], created],
  [
    "an order whose seller's account is the caller's own",
    "notifyOrderCreated",
    [BUYER.userId, SELLER.userId, BUYERS, BUYERS, { ...ORDER, sellerAccountId: null }],
    created,
  ],
  [
    "an order by the plan's signature, with its list",
    "notifyOrderCreated",
    [BUYER.userId, SELLER.userId, BUYERS, { ...ORDER, items: ITEMS }],
    created,
  ],
  [
    "a payment",
    "notifyPaymentConfirmed",
    [
      BUYER.userId,
      SELLER.userId,
      BUYERS,
      SELLERS,
      { ...ORDER, status: "paid", paymentConfirmedAt: AT, paymentConfirmedBy: SELLER.userId },
    ],
    {
      buyer: {
        title: "Pagamento confirmado",
        message: "O pagamento do seu pedido PED-58 foi confirmado.",
        data: ORDER_DATA,
      },
      seller: {
        title: "Pagamento recebido",
        message: "O pedido PED-58 foi pago. Já pode preparar o envio.",
        data: ORDER_DATA,
      },
    },
  ],
  status("processing", "Pedido em Preparação", "Seu pedido PED-58 está em preparação."),
  status("shipped", "Pedido Enviado", "Seu pedido PED-58 foi enviado. Código de rastreio: BR58.", {
    trackingCode: "BR58",
  }),
  status("delivered", "Pedido Entregue", "Seu pedido PED-58 foi entregue."),
  status("cancelled", "Pedido Cancelado", "Seu pedido PED-58 foi cancelado."),
  status("awaiting_exchange", "Pedido Aguardando Troca", "Seu pedido PED-58 está aguardando a troca."),
  [
    "order_updated for the seller",
    "notifyOrderStatusUpdated",
    [SELLER.userId, SELLERS, { ...ORDER, status: "cancelled" }, "cancelled"],
    {
      seller: {
        title: "Pedido Cancelado",
        message: "O pedido PED-58 foi cancelado.",
        data: { ...ORDER_DATA, status: "cancelled" },
      },
    },
  ],
  about("notifyProductAdded", "Produto adicionado", "O produto Bateria B12 foi adicionado ao catálogo."),
  about("notifyProductUpdated", "Produto atualizado", "O produto Bateria B12 foi atualizado."),
  about("notifyProductDeleted", "Produto removido", "O produto Bateria B12 foi removido do catálogo."),
  about("notifyStockAlert", "Estoque baixo", "Restam 4 unidades de Bateria B12 (mínimo: 6).", {
    ...PRODUCT_DATA,
    currentStock: 4,
    minStock: 6,
  }),
  [
    "a cart from which something was taken",
    "notifyCartUpdated",
    [BUYER.userId, BUYERS, { action: "remove", cartId: 9, productId: 31 }],
    {
      buyer: {
        title: "Carrinho atualizado",
        message: "Um produto foi removido do seu carrinho.",
        data: { action: "remove", cartId: 9, productId: 31 },
      },
    },
  ],
  [
    "a cart that was emptied",
    "notifyCartUpdated",
    [BUYER.userId, BUYERS, { action: "clear" }],
    { buyer: { title: "Carrinho atualizado", message: "Seu carrinho foi esvaziado.", data: { action: "clear" } } },
  ],
  [
    "a transaction",
    "notifyTransactionCreated",
    [SELLER.userId, SELLERS, TRANSACTION],
    {
      seller: {
        title: "Nova transação",
        message: "Uma venda foi registrada: Bateria B12. Valor: R$ 450,00.",
        data: {
          transactionId: 77,
          transactionCode: "TR-77",
          type: "sale",
          ...PRODUCT_DATA,
          counterparty: "Loja do Centro",
          counterpartyRole: "buyer",
          amount: "450.00",
          quantity: 3,
          status: "completed",
          date: AT.toISOString(),
        },
      },
    },
  ],
  [
    "a profile",
    "notifyProfileUpdated",
    [SELLER.userId, SELLERS, { storeName: "Norte Peças", rating: "4.50", totalSales: 33, ownerCpf: STRANGER }],
    {
      seller: {
        title: "Perfil atualizado",
        message: "Seu perfil foi atualizado.",
        data: { storeName: "Norte Peças", rating: "4.50", totalSales: 33 },
      },
    },
  ],
  returned(
    "notifyReturnRequested",
    "seller",
    SELLERS,
    {},
    "Devolução Solicitada",
    "Um comprador solicitou a devolução DEV-14 de 2 unidades. Motivo: não segura carga.",
    { reason: "não segura carga", isWithinWarranty: true },
  ),
  returned(
    "notifyReturnResponded",
    "buyer",
    BUYERS,
    { status: "rejected", rejectedAt: AT, rejectionReason: "lacre rompido" },
    "Devolução Recusada",
    "O vendedor recusou a sua devolução DEV-14. Motivo: lacre rompido.",
    { rejectionReason: "lacre rompido" },
  ),
  returned(
    "notifyReturnResponded",
    "buyer",
    BUYERS,
    { status: "approved_refund", sellerDecision: "refund", sellerNotes: "até sexta." },
    "Devolução Aceita: Reembolso",
    "O vendedor aceitou a sua devolução DEV-14 e fará o reembolso. Observações do vendedor: até sexta.",
    { sellerDecision: "refund", sellerNotes: "até sexta." },
  ),
  returned(
    "notifyReplacementSent",
    "buyer",
    BUYERS,
    { status: "replacement_sent", sellerDecision: "replacement" },
    "Produto de Troca Enviado",
    "O vendedor enviou o produto de troca da sua devolução DEV-14. " +
      "O produto com defeito ainda está sendo aguardado: não deixe de enviá-lo.",
    {},
  ),
  returned(
    "notifyDefectiveReceived",
    "buyer",
    BUYERS,
    { status: "defective_received" },
    "Produto com Defeito Recebido",
    "O vendedor recebeu o produto com defeito da sua devolução DEV-14. Agora ele será conferido.",
    {},
  ),
  returned(
    "notifyExchangeValidated",
    "buyer",
    BUYERS,
    { status: "completed_approved" },
    "Troca Aprovada",
    "O vendedor conferiu o produto: a sua troca DEV-14 foi aprovada.",
    {},
  ),
  returned(
    "notifyExchangeValidated",
    "buyer",
    BUYERS,
    { status: "completed_rejected_by_vendor", validationNotes: "queda" },
    "Troca Recusada",
    "O vendedor conferiu o produto: a sua troca DEV-14 foi recusada. Motivo: queda.",
    { validationNotes: "queda" },
  ),
  // The caller has only the buyer's account at hand.
  returned(
    "notifyExchangeResolved",
    "seller",
    BUYERS,
    { status: "converted_to_sale", convertedOrderId: 59 },
    "Troca Convertida em Venda",
    "O cliente pagou pelo produto da troca DEV-14, que foi convertida em venda.",
    { convertedOrderId: 59 },
  ),
  returned(
    "notifyExchangeResolved",
    "seller",
    BUYERS,
    { status: "returned_to_stock" },
    "Produto Devolvido ao Estoque",
    "O produto da troca DEV-14 foi devolvido e voltou ao estoque.",
    {},
  ),
];

describe("every call of StockTech's, with whole rows", () => {
  let running: LocalHub;
  let client: NotificationClient;
  let listeners: Record<Who, Listener>;
  const failures: Error[] = [];
  beforeAll(async () => {
    running = await LocalHub.start({ demoUsers: true });
    client = new NotificationClient({
      url: running.url,
      key: running.serviceKey,
      onError: (error: Error) => failures.push(error),
    });
    listeners = { buyer: await running.listen(BUYER), seller: await running.listen(SELLER) };
  });
  afterAll(async () => {
    await client.close();
    listeners.buyer.close();
    listeners.seller.close();
    await running.close();
  });

  /** Say something to both, so that whatever came before it must have been heard. */
  async function hear(who: Who): Promise<Frame[]> {
    const heard: Frame[] = [];
    for (;;) {
      const frame = await listeners[who].next();
      if (frame.title === "fim") return heard;
      heard.push(frame);
    }
  }

  test.each(CALLS)("%s", async (_, call, args, expected) => {
    await (client[call] as (...given: readonly unknown[]) => Promise<void>)(...args);
    const { buyer, seller } = IDS;
    await client.broadcastToUsers([buyer.userId, seller.userId], { type: "cart_updated", title: "fim" });
    for (const who of ["buyer", "seller"] as const) {
      const frames = await hear(who);
      expect(frames.map(({ title, message, data }) => ({ title, message, data }))).toEqual(
        expected[who] ? [expected[who]] : [],
      );
      for (const frame of frames) {
        const { timestamp: _moment, id: _id, cursor: _cursor, ...content } = frame;
        // Nobody's CPF or CNPJ, not even one's own: eleven or fourteen digits in a row, or any part of a longer number.
        expect(JSON.stringify(content)).not.toMatch(/\d{11}/);
      }
    }
    expect(failures).toEqual([]);
  });

  test("nothing was refused, and no field was in another shape than the hub declares", async () => {
    const metrics = await fetch(`${running.url}/metrics`, {
      headers: { authorization: `Bearer ${running.serviceKey}` },
    });
    expect(await metrics.text()).not.toContain("hub_contract_mismatches_total{");
    expect(client.hub.counts).toMatchObject({ failed: 0, dropped: 0 });
  });
});

/** Change the directory's database as its owner would: Node has no SQLite of its own. */
async function alter(file: string, statement: string): Promise<void> {
  const python = fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));
  const code = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as database: database.execute(sys.argv[2])";
  await promisify(execFile)(python, ["-c", code, file, statement]);
}

describe("a directory that is down", () => {
  test("loses nothing: what cannot be known yet is asked again until it can", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hub-"));
    const running = await LocalHub.start({ demoUsers: true, folder });
    const file = join(folder, "data", "demo-directory.sqlite3");
    await alter(file, "ALTER TABLE users RENAME TO away");
    const onError = vi.fn();
    const client = new NotificationClient({
      url: running.url,
      key: running.serviceKey,
      retry: { baseMs: 10, capMs: 50 },
      onError,
    });
    await client.notifyOrderCreated(BUYER.userId, SELLER.userId, BUYERS, SELLERS, ORDER);
    await client.notifyExchangeResolved(SELLER.userId, BUYERS, RETURN);
    const refused = async () => {
      const metrics = await fetch(`${running.url}/metrics`, {
        headers: { authorization: `Bearer ${running.serviceKey}` },
      });
      return /hub_problems_total\{code="directory_unavailable"\} [2-9]/.test(await metrics.text());
    };
    while (!(await refused())) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.hub.counts).toMatchObject({ queued: 3, sent: 0, failed: 0 });
    await alter(file, "ALTER TABLE away RENAME TO users");
    expect(await client.hub.flush(15_000)).toBe(true);
    expect(client.hub.counts).toMatchObject({ queued: 0, sent: 3, failed: 0 });
    expect(onError).not.toHaveBeenCalled();
    await client.close();
    await running.close();
    await rm(folder, { recursive: true });
  });
});

describe("a hub without a directory", () => {
  test("believes the account that is named, also where it is taken for a guess", async () => {
    const running = await LocalHub.start();
    const client = new NotificationClient({ url: running.url, key: running.serviceKey });
    const [buyer, seller] = [await running.listen(BUYER), await running.listen(SELLER)];
    await client.notifyOrderCreated(BUYER.userId, SELLER.userId, BUYERS, SELLERS, ORDER);
    await client.notifyReturnRequested(SELLER.userId, SELLERS, { ...RETURN, accountId: SELLERS });
    expect((await buyer.next()).title).toBe("Pedido realizado");
    expect([(await seller.next()).title, (await seller.next()).title]).toEqual([
      "Novo pedido recebido",
      "Devolução Solicitada",
    ]);
    buyer.close();
    seller.close();
    await client.close();
    await running.close();
  });
});
