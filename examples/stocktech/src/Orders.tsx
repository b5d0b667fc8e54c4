import { sayMoney } from "./money";
import type { User } from "./session";
import type { Order, Shop } from "./shop";

const STATUS: Record<Order["status"], [word: string, tone: string]> = {
  pending: ["aguardando pagamento", "amber"],
  paid: ["pago", "violet"],
  shipped: ["enviado", "blue"],
  delivered: ["entregue", "green"],
};
/** Who may move an order on from here, and what the button says. */
const STEPS: Partial<Record<Order["status"], [who: User, label: string]>> = {
  pending: ["buyer", "Pagar"],
  paid: ["seller", "Enviar"],
  shipped: ["buyer", "Recebi"],
};

export function Orders({ user, shop }: { user: User; shop: Shop }) {
  const { orders, act } = shop;
  return (
    <section className="card" aria-label="Pedidos">
      <h2>Pedidos</h2>
      <ul className="rows">
        {orders.map(({ id, code, productName, total, status, trackingCode }) => {
          const [word, tone] = STATUS[status];
          const [who, label] = STEPS[status] ?? [];
          return (
            <li key={id}>
              <div>
                {code}
                <small>
                  {productName} · {sayMoney(total)}
                  {trackingCode && ` · ${trackingCode}`}
                </small>
              </div>
              <span className="chip" style={{ ["--tone" as string]: `var(--${tone})` }}>
                {word}
              </span>
              {who === user && (
                <button type="button" className="button" onClick={() => act("POST", `/api/orders/${id}/advance`)}>
                  {label}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {!orders.length && <p className="empty">Nenhum pedido por enquanto.</p>}
    </section>
  );
}
