"use client";
import type { Notification } from "@notification-hub/client";
import { useHub } from "@notification-hub/client/react";
import { useEffect, useState } from "react";
import { CrossIcon, TypeIcon } from "./icons";

const SHOWN_MS = 6_000;
const MOST_SHOWN = 3;

/** The last few notifications, for a moment each. */
export function Toasts() {
  const hub = useHub();
  const [shown, setShown] = useState<readonly Notification[]>([]);

  useEffect(() => {
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const stop = hub.onAny((notification) => {
      setShown((before) => [notification, ...before].slice(0, MOST_SHOWN));
      const timer = setTimeout(() => {
        timers.delete(timer);
        setShown((before) => before.filter(({ id }) => id !== notification.id));
      }, SHOWN_MS);
      timers.add(timer);
    });
    return () => {
      stop();
      timers.forEach(clearTimeout);
    };
  }, [hub]);

  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map(({ id, type, title, message }) => (
        <article key={id} className="toast">
          <TypeIcon type={type} />
          <div>
            <strong>{title}</strong>
            <p>{message}</p>
          </div>
          <button
            type="button"
            aria-label="Fechar"
            onClick={() => setShown((before) => before.filter((toast) => toast.id !== id))}
          >
            <CrossIcon />
          </button>
        </article>
      ))}
    </div>
  );
}
