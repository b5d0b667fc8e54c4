"use client";
import { createHub, UnauthorizedError } from "@notification-hub/client";
import { HubProvider } from "@notification-hub/client/react";
import { Bell, ConnectionLight, Toasts } from "example-bell";
import type { ReactNode } from "react";

/** Made on the server too, where it does nothing: it connects when the provider is mounted. */
const hub = createHub({
  url: process.env.NEXT_PUBLIC_WS_URL ?? "ws://localhost:8000/ws",
  getToken: async () => {
    const response = await fetch("/token");
    if (response.status === 401) throw new UnauthorizedError();
    if (!response.ok) throw new Error(`no token: ${response.status}`);
    return response.text();
  },
});

/** The top bar with the bell, and the hub for everything below. */
export function Notifications({ children }: { children: ReactNode }) {
  return (
    <HubProvider client={hub}>
      <header className="topbar">
        <span className="brand">
          <b>AP</b> AppPortal
        </span>
        <ConnectionLight />
        <Bell />
      </header>
      {children}
      <Toasts />
    </HubProvider>
  );
}
