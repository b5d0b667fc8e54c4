"use client";
import { useNotifications, type InboxNotification } from "@notification-hub/client/react";
import { useEffect, useId, useRef, useState } from "react";
import { BellIcon, CheckIcon, CrossIcon, TypeIcon } from "./icons";
import { sayAge, useNow } from "./age";

/** The bell with its badge, and below it the list: mark read, mark all, remove, clear. */
export function Bell() {
  const { notifications, unreadCount, markRead, markAllRead, remove, clear } = useNotifications();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const panel = useId();

  useEffect(() => {
    if (!open) return;
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
    const onPointer = (event: PointerEvent) => root.current?.contains(event.target as Node) || setOpen(false);
    document.addEventListener("keydown", onKey);
    document.addEventListener("pointerdown", onPointer);
    return () => {
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("pointerdown", onPointer);
    };
  }, [open]);

  const label = unreadCount ? `Notificações: ${unreadCount} não lida${unreadCount > 1 ? "s" : ""}` : "Notificações";
  return (
    <div className="bell" ref={root}>
      <button
        type="button"
        className="bell-button"
        aria-label={label}
        aria-expanded={open}
        aria-controls={panel}
        onClick={() => setOpen(!open)}
      >
        <BellIcon />
        {unreadCount > 0 && <span className="bell-badge">{unreadCount > 99 ? "99+" : unreadCount}</span>}
      </button>
      {open && (
        <section className="bell-panel" id={panel} aria-label="Notificações">
          <header>
            <h2>Notificações</h2>
            <button type="button" onClick={markAllRead} disabled={!unreadCount}>
              Marcar todas como lidas
            </button>
            <button type="button" onClick={clear} disabled={!notifications.length}>
              Limpar
            </button>
          </header>
          {notifications.length ? (
            <List notifications={notifications} markRead={markRead} remove={remove} />
          ) : (
            <p className="bell-empty">
              <BellIcon />
              Nenhuma notificação por aqui.
            </p>
          )}
        </section>
      )}
    </div>
  );
}

interface ListProps {
  notifications: readonly InboxNotification[];
  markRead: (id: string) => void;
  remove: (id: string) => void;
}

function List({ notifications, markRead, remove }: ListProps) {
  const nowMs = useNow();
  return (
    <ul className="bell-list">
      {notifications.map(({ id, type, title, message, link, timestamp, read }) => (
        <li key={id} className={read ? "is-read" : "is-unread"}>
          <TypeIcon type={type} />
          <div>
            <strong>
              {link ? (
                <a href={link} onClick={() => markRead(id)}>
                  {title}
                </a>
              ) : (
                title
              )}
            </strong>
            <p>{message}</p>
            <time dateTime={timestamp}>{sayAge(timestamp, nowMs)}</time>
          </div>
          <span className="bell-actions">
            {!read && (
              <button type="button" title="Marcar como lida" aria-label="Marcar como lida" onClick={() => markRead(id)}>
                <CheckIcon />
              </button>
            )}
            <button type="button" title="Remover" aria-label="Remover" onClick={() => remove(id)}>
              <CrossIcon />
            </button>
          </span>
        </li>
      ))}
    </ul>
  );
}
