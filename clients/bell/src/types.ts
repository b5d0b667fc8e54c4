/** What types of notifications are called where a user chooses among them. */

const PORTUGUESE: Record<string, string> = {
  order_created: "Novos pedidos",
  payment_confirmed: "Pagamentos",
  order_updated: "Andamento dos pedidos",
  stock_alert: "Estoque baixo",
  cart_updated: "Carrinho",
  product_added: "Produtos adicionados",
  product_updated: "Produtos alterados",
  product_deleted: "Produtos removidos",
  transaction_created: "Transações",
  profile_updated: "Perfil",
  return_requested: "Pedidos de devolução",
  return_responded: "Respostas a devoluções",
  replacement_sent: "Envio de substituições",
  defective_received: "Peças com defeito",
  exchange_validated: "Trocas validadas",
  exchange_resolved: "Trocas concluídas",
};

const ENGLISH: Record<string, string> = {
  order_created: "New orders",
  payment_confirmed: "Payments",
  order_updated: "Progress of orders",
  stock_alert: "Low stock",
  cart_updated: "Cart",
};

/** Return the name of a type: the page's, the bell's, or what the type itself says. */
export function nameType(type: string, language: string, own: Record<string, string> = {}): string {
  const name = own[type] ?? (/^pt\b/i.test(language) ? PORTUGUESE : ENGLISH)[type];
  if (name) return name;
  const words = type.replace(/[_:.-]+/g, " ").trim();
  return words ? words[0]!.toUpperCase() + words.slice(1) : type;
}
