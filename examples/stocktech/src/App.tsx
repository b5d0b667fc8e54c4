import { NotificationBell } from "@notification-hub/bell/react";
import { TopBar } from "example-shared";
import { Catalogue } from "./Catalogue";
import { Orders } from "./Orders";
import type { User } from "./session";
import { useShop } from "./shop";

const USERS: [User, string][] = [
  ["seller", "Bruno · vendedor"],
  ["buyer", "Ana · compradora"],
];

export function App({ user }: { user: User }) {
  const shop = useShop(user);
  return (
    <>
      <TopBar initials="ST" name="StockTech" bell={<NotificationBell lang="pt-BR" toasts />}>
        <nav className="switch" aria-label="Usuário">
          {USERS.map(([name, label]) => (
            <a key={name} href={`?user=${name}`} aria-current={name === user ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
      </TopBar>
      <main className="page">
        <h1>{user === "seller" ? "Minha loja" : "Minhas compras"}</h1>
        <p className="lead">
          {user === "seller"
            ? "Cadastre produtos e acompanhe os pedidos que chegam."
            : "Escolha um produto e acompanhe o seu pedido."}
        </p>
        {shop.problem && <p className="problem">{shop.problem}</p>}
        <div className="columns">
          <Catalogue user={user} shop={shop} />
          <Orders user={user} shop={shop} />
        </div>
      </main>
    </>
  );
}
