import { connection } from "next/server";
import { Recent } from "./Recent";
import { readUser } from "./user";

const MODULES = [
  ["StockTech", "Compras e estoque", "blue"],
  ["AxCellOS", "Ordens de serviço", "violet"],
  ["NaldoGás", "Entregas", "amber"],
  ["Lucrum", "Finanças", "green"],
] as const;

export default async function Page() {
  await connection();
  const user = readUser();
  const today = new Intl.DateTimeFormat("pt-BR", { dateStyle: "full", timeZone: "America/Sao_Paulo" }).format(
    new Date(),
  );
  return (
    <main className="page">
      <h1>Olá, {user.firstName}</h1>
      <p className="lead">{today}</p>
      <div className="modules">
        {MODULES.map(([name, about, tone]) => (
          <article key={name} className="module" style={{ ["--tone" as string]: `var(--${tone})` }}>
            <b aria-hidden="true">{name[0]}</b>
            <strong>{name}</strong>
            <span>{about}</span>
          </article>
        ))}
      </div>
      <section className="card">
        <h2>Atividade recente</h2>
        <Recent />
      </section>
    </main>
  );
}
