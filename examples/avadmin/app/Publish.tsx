"use client";
import { useState, type FormEvent } from "react";

const TYPES = [
  ["profile_updated", "Perfil atualizado"],
  ["transaction_created", "Transação criada"],
  ["cart_updated", "Carrinho atualizado"],
] as const;

/** A form that publishes a test notification and says what became of it. */
export function Publish({ people }: { people: readonly { name: string; label: string }[] }) {
  const [outcome, setOutcome] = useState<{ done: boolean; text: string } | null>(null);
  const [sending, setSending] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setSending(true);
    try {
      const response = await fetch("/operator/notify", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(Object.fromEntries(new FormData(event.currentTarget))),
      });
      const content = await response.json();
      setOutcome(
        response.ok ? { done: true, text: "Publicada e gravada no hub." } : { done: false, text: content.error },
      );
    } catch {
      setOutcome({ done: false, text: "O AvAdmin não respondeu." });
    } finally {
      setSending(false);
    }
  };

  return (
    <section className="card">
      <h2>Enviar um teste</h2>
      <form className="fields" onSubmit={submit}>
        <label className="half">
          Para
          <select name="to">
            {people.map(({ name, label }) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label className="half">
          Tipo
          <select name="type">
            {TYPES.map(([type, label]) => (
              <option key={type} value={type}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label>
          Título
          <input name="title" required maxLength={120} defaultValue="Teste de notificação" />
        </label>
        <label>
          Mensagem
          <textarea
            name="message"
            required
            maxLength={500}
            rows={3}
            defaultValue="Se você está lendo isto, está tudo certo."
          />
        </label>
        <button type="submit" className="button" disabled={sending}>
          {sending ? "Enviando…" : "Publicar"}
        </button>
      </form>
      {outcome && <p className={outcome.done ? "done" : "problem"}>{outcome.text}</p>}
    </section>
  );
}
