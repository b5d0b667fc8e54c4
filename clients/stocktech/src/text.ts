/** What StockTech's modules use as an id: a number in some, text in others. */
export type Id = string | number | bigint;

const BRL = new Intl.NumberFormat("pt-BR", { style: "currency", currency: "BRL", signDisplay: "negative" });
const COUNT = new Intl.NumberFormat("pt-BR", { maximumFractionDigits: 2 });

/** Return `template` with the value where `{}` stands, or `otherwise` where there is none. */
export function say(template: string, value: unknown, otherwise: string): string {
  if (value === undefined || value === null || value === "") return otherwise;
  // Not as a pattern: a name may hold `$&`.
  return template.replace("{}", () => String(value));
}

/** Return a quantity as a Brazilian reads it: `2`, `2,5`. */
export function sayCount(count: number): string {
  return COUNT.format(count);
}

/**
 * Return an amount as a Brazilian reads it, `R$ 1.234,50`, or undefined where the text holds none.
 *
 * Numbers and the decimal text of databases (`1234.50`, `1,234.50`) are formatted; `1.234,50` gets its currency; text that
 * a person formatted stays.
 */
export function sayMoney(amount: number | string | undefined): string | undefined {
  if (typeof amount === "number") return Number.isFinite(amount) ? format(String(amount)) : undefined;
  const text = amount?.trim() ?? "";
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return format(text);
  if (/^[+-]?\d{1,3}(,\d{3})+\.\d+$/.test(text)) return format(text.replaceAll(",", ""));
  if (/^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d{1,2}$/.test(text)) return format(text.replaceAll(".", "").replace(",", "."));
  return /\d/.test(text) ? text : undefined;
}

function format(decimal: string): string {
  // An ordinary space: a no-break space is shown as a box where a font lacks it, and searches do not find it.
  return BRL.format(decimal as `${number}`).replaceAll("\u00a0", " ");
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Return the fields that have a value. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
