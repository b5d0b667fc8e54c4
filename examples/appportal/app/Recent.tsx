"use client";
import { useNotifications } from "@notification-hub/client/react";

const MOST_SHOWN = 5;
const DAY_AND_TIME = new Intl.DateTimeFormat("pt-BR", { dateStyle: "short", timeStyle: "short" });

/** The last few notifications: empty as the server renders it, filled in the browser. */
export function Recent() {
  const { notifications } = useNotifications();
  if (!notifications.length) return <p className="empty">Tudo em dia. O que acontecer aparece aqui na hora.</p>;
  return (
    <ul className="rows">
      {notifications.slice(0, MOST_SHOWN).map(({ id, title, message, timestamp }) => (
        <li key={id}>
          <div>
            {title}
            <small>{message}</small>
          </div>
          <small>{DAY_AND_TIME.format(new Date(timestamp))}</small>
        </li>
      ))}
    </ul>
  );
}
