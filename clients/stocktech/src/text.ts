/** What StockTech's modules use as an id: a number in some, text in others. */
export type Id = string | number;

const BRL = new Intl.NumberFormat("pt-BR", { style: "currency", currency: "BRL" });

/** Return `template` with the value where `{}` stands, or `otherwise` where there is none. */
export function say(template: string, value: unknown, otherwise: string): string {
  if (value === undefined || value === null || value === "") return otherwise;
  // Not as a pattern: a name may hold `$&`.
  return template.replace("{}", () => String(value));
}

/** Return an amount as a Brazilian reads it; text was formatted by somebody already. */
export function sayMoney(amount: number | string | null | undefined): string | undefined {
  if (typeof amount !== "number") return amount ?? undefined;
  return Number.isFinite(amount) ? BRL.format(amount) : undefined;
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Return the fields that have a value. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
