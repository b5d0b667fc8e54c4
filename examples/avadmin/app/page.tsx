import { Figures } from "./Figures";
import { Publish } from "./Publish";
import { RECIPIENTS } from "./user";

export default function Page() {
  const people = Object.entries(RECIPIENTS).map(([name, { label }]) => ({ name, label }));
  return (
    <main className="page">
      <h1>Notificações</h1>
      <p className="lead">O hub neste momento, e um teste de ponta a ponta.</p>
      <Figures>
        <Publish people={people} />
      </Figures>
    </main>
  );
}
