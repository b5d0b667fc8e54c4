import type { FormEvent } from "react";
import { sayMoney } from "./money";
import type { User } from "./session";
import type { Shop } from "./shop";

export function Catalogue({ user, shop }: { user: User; shop: Shop }) {
  const { products, act } = shop;
  return (
    <section className="card" aria-label="Catálogo">
      <h2>Catálogo</h2>
      {user === "seller" && <NewProduct shop={shop} />}
      <ul className="rows">
        {products.map(({ id, name, price, stock, minStock }) => (
          <li key={id}>
            <div>
              {name}
              <small>{sayMoney(price)}</small>
            </div>
            <Stock stock={stock} minStock={minStock} />
            {user === "buyer" ? (
              <button
                type="button"
                className="button"
                disabled={!stock}
                onClick={() => act("POST", "/api/orders", { productId: id })}
              >
                Comprar
              </button>
            ) : (
              <button type="button" className="button quiet" onClick={() => act("DELETE", `/api/products/${id}`)}>
                Remover
              </button>
            )}
          </li>
        ))}
      </ul>
      {!products.length && <p className="empty">Nenhum produto cadastrado.</p>}
    </section>
  );
}

function Stock({ stock, minStock }: { stock: number; minStock: number }) {
  const tone = stock > minStock ? "green" : stock ? "amber" : "red";
  return (
    <span className="chip" style={{ ["--tone" as string]: `var(--${tone})` }}>
      {stock ? `${stock} em estoque` : "esgotado"}
    </span>
  );
}

function NewProduct({ shop }: { shop: Shop }) {
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (await shop.act("POST", "/api/products", Object.fromEntries(new FormData(form)))) form.reset();
  };
  return (
    <form className="fields new-product" onSubmit={submit}>
      <label>
        Nome
        <input name="name" required maxLength={80} placeholder="Caixa 30x20" autoComplete="off" />
      </label>
      <label className="third">
        Preço (R$)
        <input name="price" type="number" required min="0.01" step="0.01" defaultValue="29.90" />
      </label>
      <label className="third">
        Estoque
        <input name="stock" type="number" required min="0" defaultValue="10" />
      </label>
      <label className="third">
        Mínimo
        <input name="minStock" type="number" required min="0" defaultValue="3" />
      </label>
      <button type="submit" className="button">
        Cadastrar produto
      </button>
    </form>
  );
}
