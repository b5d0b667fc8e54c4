import { describe, expect, test } from "vitest";
import { column, readId, readItems, readLine, readMoment, readName, readNumber, readProse } from "../src/row.js";
import { hideNumbers, peopleOf } from "../src/person.js";
import { sayMoney } from "../src/text.js";
import { recorder } from "./publisher.js";
import { ORDER, PRODUCT, RETURN, STRANGER, TRANSACTION } from "./rows.js";

/** A decimal as ORMs hand it over: a class of its own that only knows how it is written. */
class Decimal {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
  toJSON(): string {
    return this.#text;
  }
}

const circle: Record<string, unknown> = { name: "círculo" };
circle.self = circle;
const trap = new Proxy(
  {},
  {
    get: () => {
      throw new Error("lazy column");
    },
  },
);

/** What no column should hold, and what one holds sometimes. */
const ODD: [string, unknown][] = [
  ["nothing", undefined],
  ["null", null],
  ["empty text", ""],
  ["blank text", "  \n "],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["a bigint", 12n],
  ["a huge bigint", 2n ** 70n],
  ["a huge number", 1e300],
  ["a truth value", true],
  ["a date", new Date(0)],
  ["a date that is none", new Date("nunca")],
  ["bytes", Buffer.from([0, 255])],
  ["a decimal", new Decimal("1.50")],
  ["a list", [1, [2]]],
  ["an object", { a: 1 }],
  ["an object without a prototype", Object.create(null)],
  ["a circle", circle],
  ["a trap", trap],
  ["a function", () => 1],
  ["a symbol", Symbol("x")],
  ["a map", new Map([["a", 1]])],
  ["half a surrogate pair", "x\ud800y"],
  ["control characters", "a\u0000b\u001b[31m\u0085"],
  ["a line break", "a\nb"],
  ["long text", "é".repeat(100_000)],
];

describe("an amount is said as a Brazilian reads it", () => {
  test.each([
    [1234.5, "R$ 1.234,50"],
    ["1234.50", "R$ 1.234,50"],
    ["1234.5", "R$ 1.234,50"],
    ["1234", "R$ 1.234,00"],
    ["0.00", "R$ 0,00"],
    [" 7.1 ", "R$ 7,10"],
    ["1,234.50", "R$ 1.234,50"],
    ["1.234,50", "R$ 1.234,50"],
    ["1234,5", "R$ 1.234,50"],
    ["R$ 10,00", "R$ 10,00"],
    ["R$10", "R$10"],
    ["a combinar: 10", "a combinar: 10"],
    [-5, "-R$ 5,00"],
    ["-5.00", "-R$ 5,00"],
    ["12345678901234567.89", "R$ 12.345.678.901.234.567,89"],
    ["1234567.891", "R$ 1.234.567,89"],
    [".5", "R$ 0,50"],
    ["5.", "R$ 5,00"],
    ["-0.00", "R$ 0,00"],
    [-0, "R$ 0,00"],
    ["abc", undefined],
    ["", undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [undefined, undefined],
  ])("%j", (amount, said) => {
    expect(sayMoney(amount)).toBe(said);
  });
});

describe("items", () => {
  const items = [{ productId: 1, quantity: 2 }, "avulso"];

  test.each([
    ["a list", items],
    ["its JSON text", JSON.stringify(items)],
    ["its JSON text, written twice", JSON.stringify(JSON.stringify(items))],
    ["its JSON text as bytes", Buffer.from(JSON.stringify(items))],
  ])("are read of %s", (_, value) => {
    expect(readItems(value)).toEqual(items);
  });

  test.each([
    ["cut text", '[{"productId":1'],
    ["other text", "2x Tela"],
    ["an object", { productId: 1 }],
    ["an object's text", '{"productId":1}'],
    ["null's text", "null"],
    ["too long a text", `[${" ".repeat(1_000_001)}]`],
    ...ODD.filter(([name]) => name !== "a list"),
  ])("that cannot be read are left out: %s", (_, value) => {
    expect(readItems(value)).toBeUndefined();
  });

  test("have their chosen fields alone, in either spelling", () => {
    const row = {
      product_id: 9n,
      product_name: "Tela",
      quantity: "2.00",
      price: new Decimal("10.50"),
      sellerId: STRANGER,
    };
    expect(readItems([{ ...row, buyer: { cpf: STRANGER } }, null, [STRANGER], circle, trap])).toEqual([
      { productId: 9, productName: "Tela", quantity: 2, price: "10.50" },
      {},
      { name: "círculo" },
      {},
    ]);
  });

  test("beyond what one notification carries are left out", () => {
    const many = Array.from({ length: 500 }, (_, index) => ({ productId: index }));
    expect(readItems(many)?.length).toBe(100);
    const wide = Array.from({ length: 100 }, () => ({
      name: "ã".repeat(1000),
      brand: "b".repeat(1000),
      model: "😀".repeat(1000),
    }));
    expect(Buffer.byteLength(JSON.stringify(readItems(wide)))).toBeLessThanOrEqual(24_002);
  });
});

test("a column is found in either spelling, and the first that holds something counts", () => {
  expect(column({ order_code: "A" }, "orderCode")).toBe("A");
  expect(column({ orderCode: null, code: "", order_id: 0 }, "orderCode", "code", "orderId")).toBe(0);
  expect(column(trap, "orderCode")).toBeUndefined();
  expect([undefined, null, 5, "text"].map((row) => column(row, "length"))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("values are read for what they are", () => {
  expect([7, "7", 7n, 2 ** 53, 2n ** 60n, 1.5, new Decimal("x1")].map(readId)).toEqual([
    7,
    "7",
    7,
    "9007199254740992",
    "1152921504606846976",
    "1.5",
    "x1",
  ]);
  expect(["2.00", "2,5", 3, 4n, new Decimal("5.5"), "-1"].map(readNumber)).toEqual([2, 2.5, 3, 4, 5.5, -1]);
  expect(["muitos", "", "1.234,50", null, []].map(readNumber)).toEqual(Array(5).fill(undefined));
  expect(readName("Loja 12345678901")).toBe("Loja 12345678901");
  expect(["12345678901", "123.456.789-01", "12.345.678/0001-90"].map(readName)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(readMoment("2026-11-20 09:30:00Z")).toBe("2026-11-20T09:30:00.000Z");
  expect(readLine("a\nb\u0000c")).toBe("a b c");
  expect(readProse("a\nb")).toBe("a\nb");
});

test.each(ODD)("whatever a column holds, text is clean and short: %s", (_, value) => {
  for (const read of [readLine, readProse, readName]) {
    const text = read(value);
    expect(text === undefined || (text.length <= 500 && text !== "" && !/\p{Surrogate}|\u0000/u.test(text))).toBe(true);
    expect(text ?? "").not.toMatch(/\[object|undefined|NaN/);
  }
});

describe("whatever a row's columns hold, its notification goes", () => {
  const rows = { ORDER, PRODUCT, RETURN, TRANSACTION };
  const calls = [
    ["notifyOrderCreated", "ORDER", 2],
    ["notifyPaymentConfirmed", "ORDER", 2],
    ["notifyOrderStatusUpdated", "ORDER", 1],
    ["notifyStockAlert", "PRODUCT", 1],
    ["notifyProductAdded", "PRODUCT", 1],
    ["notifyCartUpdated", "TRANSACTION", 1],
    ["notifyTransactionCreated", "TRANSACTION", 1],
    ["notifyProfileUpdated", "RETURN", 1],
    ["notifyReturnRequested", "RETURN", 1],
    ["notifyReturnResponded", "RETURN", 1],
    ["notifyExchangeResolved", "RETURN", 1],
  ] as const;

  test.each(ODD)("%s", async (_, value) => {
    const failures: Error[] = [];
    for (const [call, name, count] of calls) {
      for (const odd of ["each column in turn", "all columns"]) {
        const whole = rows[name] as Record<string, unknown>;
        const changed = odd === "all columns" ? [Object.keys(whole)] : Object.keys(whole).map((one) => [one]);
        for (const columns of changed) {
          const { client, said } = recorder({ onError: (failure) => failures.push(failure) });
          const row = { ...whole, ...Object.fromEntries(columns.map((one) => [one, value])) };
          const parties = count === 2 ? ["10", "20", "a", "b", row] : ["20", "b", row, "shipped"];
          await (client[call] as (...given: unknown[]) => Promise<void>)(...parties);
          expect(said.length).toBe(count);
          for (const { title, message, data } of said) {
            expect(`${title}${message}`).not.toMatch(/undefined|NaN|\[object|null/);
            expect(Buffer.byteLength(JSON.stringify({ title, message, data }))).toBeLessThan(60_000);
          }
        }
      }
    }
    expect(failures).toEqual([]);
  });

  test("a row that throws at every column", async () => {
    const { client, said } = recorder({
      onError: (failure) => {
        throw failure;
      },
    });
    await client.notifyOrderCreated("10", "20", "a", "b", trap);
    expect(said.map(({ message }) => message)).toEqual([
      "Seu pedido foi criado com sucesso.",
      "Você recebeu um novo pedido.",
    ]);
  });

  test("a column that was not chosen reaches no person, whatever its name", async () => {
    for (const [call, name, count] of calls) {
      const { client, said } = recorder();
      const row = {
        ...rows[name],
        cpf: STRANGER,
        customer: { cpf: STRANGER },
        buyer_cpf: STRANGER,
        notes: STRANGER,
        email: "x@y",
      };
      const parties = count === 2 ? ["10", "20", "a", "b", row] : ["20", "b", row, "shipped"];
      await (client[call] as (...given: unknown[]) => Promise<void>)(...parties);
      expect(JSON.stringify(said)).not.toMatch(/\d{11}|@/);
    }
  });
});

describe("prose that a person wrote shows no CPF", () => {
  const CPF = "529.982.247-25";

  test.each([
    [`o CPF é ${CPF}.`, "o CPF é ***."],
    ["cpf:52998224725", "cpf:***"],
    ["529982247-25 e 529 982 247 25", "*** e ***"],
    // Written as one, although its check digits are another's.
    ["de 123.456.789-00", "de ***"],
    [`{"cpf":"52998224725"}`, `{"cpf":"***"}`],
    // A mobile number, a tracking code, a barcode, a CNPJ.
    ["ligue 11987654321 ou (11) 98765-4321", "ligue 11987654321 ou (11) 98765-4321"],
    ["BR12345678901BR, 7891234567895", "BR12345678901BR, 7891234567895"],
    ["CNPJ 11.222.333/0001-81", "CNPJ 11.222.333/0001-81"],
  ])("%s", (text, expected) => {
    expect(hideNumbers(text)).toBe(expected);
  });

  test("nor any number that the row has in a column, with its marks or without", () => {
    const people = peopleOf({
      id: 98765432100,
      buyerId: "98765432199",
      account_id: "11.222.333/0001-81",
      quantity: "1",
      note: "1 2",
    });
    expect([...people]).toEqual(["98765432199", "11222333000181"]);
    expect(hideNumbers("987.654.321-99, 98765432199; 11222333000181; 98765432100", people)).toBe("***, ***; ***; ***");
    expect([...peopleOf(trap)]).toEqual([]);
  });

  test("a name loses the CPF that it ends in", () => {
    expect([`JOAO DA SILVA 52998224725`, `Ana (${CPF})`, CPF, "Loja 24"].map(readName)).toEqual([
      "JOAO DA SILVA",
      "Ana",
      undefined,
      "Loja 24",
    ]);
    expect(readItems([{ name: "Tela", sellerName: "JOAO DA SILVA 52998224725" }])).toEqual([
      { name: "Tela", sellerName: "JOAO DA SILVA" },
    ]);
  });

  test("a return's reasons and notes reach the other party without it", async () => {
    const written = `falei com ${RETURN.buyerId}, ${RETURN.sellerId} e ${CPF}`;
    const row = {
      ...RETURN,
      reason: written,
      sellerNotes: written,
      rejectionReason: written,
      validationNotes: written,
    };
    for (const status of ["requested", "rejected", "approved", "completed_approved", "completed_rejected_by_vendor"]) {
      for (const call of ["notifyReturnRequested", "notifyReturnResponded", "notifyExchangeValidated"] as const) {
        const { client, said } = recorder();
        await client[call]("20", "b", { ...row, status });
        const text = JSON.stringify({ ...said[0], account_id: undefined, user_id: undefined });
        for (const number of [RETURN.buyerId, RETURN.sellerId, CPF]) expect(text).not.toContain(number);
      }
    }
  });
});

describe("what a caller composed", () => {
  test.each([
    ["a bigint", { n: 5n, m: 2n ** 60n }, { n: 5, m: "1152921504606846976" }],
    ["a date", { at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
    ["a date that is none", { at: new Date("x") }, { at: null }],
    ["a decimal", { price: new Decimal("1.50") }, { price: "1.50" }],
    ["a circle", { circle, b: 1 }, { circle: { name: "círculo" }, b: 1 }],
    ["bytes, functions, nothing", { a: Buffer.from("x"), b: () => 1, c: undefined, d: 1 }, { d: 1 }],
    [
      "numbers that are none",
      { a: Number.NaN, b: [Number.POSITIVE_INFINITY], c: 2 ** 60 },
      { a: null, b: [null], c: "1152921504606847000" },
    ],
    ["half a surrogate pair", { "k\udc00": "v\ud800" }, { "k\ufffd": "v\ufffd" }],
    ["a list", [1, 2], { value: [1, 2] }],
    ["a text", "só texto", { value: "só texto" }],
    ["a trap", { trap, a: 1 }, { trap: {}, a: 1 }],
    ["too much", { text: "x".repeat(70_000) }, undefined],
    ["null", null, undefined],
  ])("arrives although its data holds %s", async (_, data, expected) => {
    const { client, said } = recorder();
    await client.sendNotificationToUser("10", "a", { type: "cart_updated", title: "t", message: "m", data });
    expect(said).toEqual([
      {
        type: "cart_updated",
        title: "t",
        message: "m",
        ...(expected ? { data: expected } : {}),
        user_id: "10",
        account_id: "a",
      },
    ]);
  });

  test("is cut to a depth the hub takes", async () => {
    let deep: object = {};
    for (let level = 0; level < 100; level++) deep = { deep };
    const { client, said } = recorder();
    await client.sendNotificationToUser("10", { type: "cart_updated", data: deep });
    expect(JSON.stringify(said[0]?.data).split("{").length).toBeLessThan(30);
  });
});
