import { describe, expect, test } from "vitest";
import { recorder } from "./publisher.js";
import { ORDER, RETURN } from "./rows.js";

/** What each type says of each status: its outcome and never another one; none for an unknown status. */

const RETURN_CALLS = [
  "notifyReturnRequested",
  "notifyReturnResponded",
  "notifyReplacementSent",
  "notifyDefectiveReceived",
  "notifyExchangeValidated",
  "notifyExchangeResolved",
] as const;
type ReturnCall = (typeof RETURN_CALLS)[number];

const OUTCOMES = {
  accepted: /aceit/i,
  approved: /aprov/i,
  refused: /recus|rejeit/i,
  refund: /reembols/i,
  replacement: /produto de troca/i,
  paid: /pag[oua]|venda/i,
  returned: /devolvido|estoque/i,
  awaited: /aguardad/i,
  checked: /será conferido/i,
} as const;
type Outcome = keyof typeof OUTCOMES;

const STATUSES = [
  "requested",
  "pending",
  "approved",
  "approved_refund",
  "approved_replacement",
  "Approved Exchange",
  "approvedRefund",
  "approved_refund_failed",
  "approved_not_refunded",
  "approved_cancelled",
  "rejected",
  "REJECTED",
  "replacement_sent",
  "defective_received",
  "completed_approved",
  "completed_rejected_by_vendor",
  "converted_to_sale",
  "returned_to_stock",
  "cancelled",
  "not_approved",
  "constructor",
  "status do futuro",
  "",
  null,
  undefined,
  7,
  true,
] as const;
type Status = (typeof STATUSES)[number];

/** What is said where it is not nothing: of each call its statuses, and what holds for all the others. */
const SAID: Record<ReturnCall, { always?: Outcome[]; by: [Status[], Outcome[]][] }> = {
  notifyReturnRequested: { by: [] },
  notifyReturnResponded: {
    by: [
      [["approved"], ["accepted"]],
      [
        ["approved_refund", "approvedRefund"],
        ["accepted", "refund"],
      ],
      [
        ["approved_replacement", "Approved Exchange"],
        ["accepted", "replacement"],
      ],
      [["rejected", "REJECTED"], ["refused"]],
    ],
  },
  notifyReplacementSent: {
    always: ["replacement"],
    by: [
      [
        ["replacement_sent", "", null, undefined],
        ["replacement", "awaited"],
      ],
    ],
  },
  notifyDefectiveReceived: { by: [[["defective_received", "", null, undefined], ["checked"]]] },
  notifyExchangeValidated: {
    by: [
      [["approved", "completed_approved"], ["approved"]],
      [["rejected", "REJECTED", "completed_rejected_by_vendor"], ["refused"]],
    ],
  },
  notifyExchangeResolved: {
    by: [
      [["converted_to_sale"], ["paid"]],
      [["returned_to_stock"], ["returned"]],
    ],
  },
};

async function sayOf(call: ReturnCall, row: object): Promise<string> {
  const { client, said } = recorder();
  await client[call]("20", "conta-b", row);
  expect(said.length).toBe(1);
  return `${said[0]?.title}\n${said[0]?.message}`;
}

function outcomesIn(text: string): Outcome[] {
  return (Object.keys(OUTCOMES) as Outcome[]).filter((outcome) => OUTCOMES[outcome].test(text)).sort();
}

describe("a return or an exchange", () => {
  const table = RETURN_CALLS.flatMap((call) => STATUSES.map((status) => [call, status] as const));

  test.each(table)("%s of status %j says what happened and nothing else", async (call, status) => {
    const { always = [], by } = SAID[call];
    const outcome = by.find(([statuses]) => statuses.includes(status))?.[1] ?? always;
    const row = { ...RETURN, status, reason: null, sellerDecision: null, approvedBy: null };
    expect(outcomesIn(await sayOf(call, row))).toEqual([...outcome].sort());
  });

  test.each([
    ["rejected", "refund", ["refused"]],
    ["rejected", "replacement", ["refused"]],
    ["approved", "refund", ["accepted", "refund"]],
    ["approved", "replacement", ["accepted", "replacement"]],
    ["approved_refund", "refund", ["accepted", "refund"]],
    // They contradict each other: accepted is all that is sure.
    ["approved_refund", "replacement", ["accepted"]],
    [null, "refund", ["accepted", "refund"]],
    [null, "replacement", ["accepted", "replacement"]],
    [null, "talvez", []],
    // An unknown status: the text names the decision, unless the status looks like its end.
    ["awaiting_part", "refund", ["refund"]],
    ["awaiting_part", "replacement", ["replacement"]],
    ["awaiting_part", "constructor", []],
    ["refund_cancelled", "refund", []],
    ["not_approved", "replacement", []],
    ["approved_refund_failed", "refund", []],
    ["approved_cancelled", "replacement", []],
    ["declined", "refund", []],
    ["voided", "replacement", []],
    ["recusada", "refund", []],
    ["não aprovada", "refund", []],
    // Not the same as no status at all.
    [true, "refund", []],
    [["rejected"], "replacement", []],
  ] as [unknown, string, Outcome[]][])(
    "answered with status %s and decision %s",
    async (status, sellerDecision, outcome) => {
      expect(outcomesIn(await sayOf("notifyReturnResponded", { ...RETURN, status, sellerDecision }))).toEqual(outcome);
    },
  );

  test("gives the reasons that were written, with one full stop, cut where they are long", async () => {
    const row = { ...RETURN, status: "rejected", rejectionReason: "Fora do prazo.", sellerNotes: "x".repeat(5000) };
    const text = await sayOf("notifyReturnResponded", row);
    expect(text).toContain("Motivo: Fora do prazo. Observações do vendedor: xxx");
    expect(text.length).toBeLessThan(1000);
    expect(text).toMatch(/x…\.$/);
  });

  test("without a row, or with an empty one, is announced too", async () => {
    const { client, said } = recorder();
    for (const call of RETURN_CALLS) for (const row of [undefined, null, {}]) await client[call]("20", "conta-b", row);
    expect(said.length).toBe(RETURN_CALLS.length * 3);
    for (const { title, message } of said) expect(`${title}${message}`).not.toMatch(/undefined|null|\{|NaN/);
  });
});

describe("an order's status", () => {
  test.each([
    ["pending", "Pedido Pendente", "está pendente"],
    ["pending_payment", "Pedido Aguardando Pagamento", "está aguardando o pagamento"],
    ["confirmed", "Pedido Confirmado", "foi confirmado"],
    ["paid", "Pedido Pago", "foi pago"],
    ["processing", "Pedido em Preparação", "está em preparação"],
    ["shipped", "Pedido Enviado", "foi enviado"],
    ["SHIPPED", "Pedido Enviado", "foi enviado"],
    ["out for delivery", "Pedido Saiu para Entrega", "saiu para entrega"],
    ["delivered", "Pedido Entregue", "foi entregue"],
    ["cancelled", "Pedido Cancelado", "foi cancelado"],
    ["canceled", "Pedido Cancelado", "foi cancelado"],
    ["awaiting_exchange", "Pedido Aguardando Troca", "está aguardando a troca"],
    ["returned", "Pedido Devolvido", "foi devolvido"],
    ["refunded", "Pedido Reembolsado", "foi reembolsado"],
    ["not_delivered", "Pedido Atualizado", "foi atualizado"],
    ["constructor", "Pedido Atualizado", "foi atualizado"],
    ["na doca 3", "Pedido Atualizado", "foi atualizado"],
  ])("%s", async (status, title, words) => {
    const { client, said } = recorder();
    await client.notifyOrderStatusUpdated(ORDER.buyerId, "conta-a", ORDER, status);
    expect(said).toEqual([expect.objectContaining({ title, message: `Seu pedido PED-58 ${words}.` })]);
    expect(said[0]?.data).toMatchObject({ status });
  });

  test.each([undefined, null, ""])("that is not given (%j) is the row's", async (status) => {
    const { client, said } = recorder();
    await client.notifyOrderStatusUpdated("10", "conta-a", { ...ORDER, status: "delivered" }, status);
    expect(said[0]).toMatchObject({ title: "Pedido Entregue", data: { status: "delivered" } });
  });

  test("of an order without a number reads well", async () => {
    const { client, said } = recorder();
    await client.notifyOrderStatusUpdated("10", "conta-a", {}, "shipped");
    expect(said[0]?.message).toBe("Seu pedido foi enviado.");
  });
});
