import type { NotificationType } from "@notification-hub/service";

/** The types whose `data` is free: one title and one message each, unless `data` brings a text of its own. */
export type FreeType = Extract<
  NotificationType,
  | "cart_updated"
  | "transaction_created"
  | "profile_updated"
  | "return_requested"
  | "return_responded"
  | "replacement_sent"
  | "defective_received"
  | "exchange_validated"
  | "exchange_resolved"
>;

/** What is said of each. */
export const WORDING: Record<FreeType, { title: string; message: string }> = {
  cart_updated: { title: "Carrinho atualizado", message: "Seu carrinho foi atualizado." },
  transaction_created: { title: "Nova transação", message: "Uma nova transação foi registrada." },
  profile_updated: { title: "Perfil atualizado", message: "Seu perfil foi atualizado." },
  return_requested: { title: "Devolução solicitada", message: "Um comprador solicitou uma devolução." },
  return_responded: { title: "Devolução respondida", message: "O vendedor respondeu à sua devolução." },
  replacement_sent: { title: "Produto de troca enviado", message: "O produto de troca foi enviado para você." },
  defective_received: {
    title: "Produto com defeito recebido",
    message: "O vendedor recebeu o produto com defeito que você devolveu.",
  },
  exchange_validated: { title: "Troca validada", message: "A sua troca foi conferida e aprovada." },
  exchange_resolved: { title: "Troca concluída", message: "Uma troca foi concluída." },
};
