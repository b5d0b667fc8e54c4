const REAIS = new Intl.NumberFormat("pt-BR", { style: "currency", currency: "BRL" });

/** Write an amount in reais. */
export function sayMoney(amount: number): string {
  return REAIS.format(amount);
}
