"use client";
import type { Stats } from "@notification-hub/service";
import { useEffect, useState, type ReactNode } from "react";

const EVERY_MS = 2_000;
const COUNT = new Intl.NumberFormat("pt-BR");

/** The hub's figures, asked for again every two seconds while the page is open; `children` stand beside the accounts. */
export function Figures({ children }: { children: ReactNode }) {
  const [stats, setStats] = useState<Stats | null>(null);
  const [failed, setFailed] = useState(false);

  useEffect(() => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      try {
        const response = await fetch("/operator/stats", { signal: asking.signal });
        if (response.ok) setStats(await response.json());
        setFailed(!response.ok);
      } catch {
        if (asking.signal.aborted) return;
        setFailed(true);
      }
      timer = setTimeout(ask, EVERY_MS);
    };
    void ask();
    return () => {
      asking.abort();
      clearTimeout(timer);
    };
  }, []);

  const figures: [string, string][] = [
    ["Conexões", stats ? COUNT.format(stats.totalConnections) : "–"],
    ["Usuários", stats ? COUNT.format(stats.uniqueUsers) : "–"],
    ["Publicadas", stats ? COUNT.format(stats.totals.published) : "–"],
    ["Entregas", stats ? COUNT.format(stats.totals.deliveries) : "–"],
    ["No ar há", stats ? sayDuration(stats.uptimeSeconds) : "–"],
  ];
  return (
    <>
      {failed && <p className="problem">O hub não respondeu; os números abaixo são os últimos conhecidos.</p>}
      <div className="figures">
        {figures.map(([name, value]) => (
          <div className="figure" key={name}>
            <span>{name}</span>
            <strong>{value}</strong>
          </div>
        ))}
      </div>
      <div className="columns">
        {children}
        <Accounts counts={stats?.connectionsByAccount ?? {}} />
      </div>
    </>
  );
}

function Accounts({ counts }: { counts: Record<string, number> }) {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  return (
    <section className="card">
      <h2>Conexões por conta</h2>
      {rows.length ? (
        <ul className="rows">
          {rows.map(([account, count]) => (
            <li key={account}>
              <div>
                {maskAccount(account)}
                <div className="bar">
                  <i style={{ width: `${(100 * count) / most}%` }} />
                </div>
              </div>
              <strong>{count}</strong>
            </li>
          ))}
        </ul>
      ) : (
        <p className="empty">Ninguém conectado.</p>
      )}
    </section>
  );
}

/** An account's id may be a person's CPF: its end is enough to tell accounts apart. */
function maskAccount(account: string): string {
  return /^[0-]+$/.test(account) ? "Conta virtual (super admin)" : `Conta •••${account.slice(-4)}`;
}

function sayDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
