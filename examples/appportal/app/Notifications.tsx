"use client";
import { NotificationBell } from "@notification-hub/bell/react";
import { createHub } from "@notification-hub/client";
import { HubProvider } from "@notification-hub/client/react";
import { fetchToken, TopBar } from "example-shared";
import type { ReactNode } from "react";

/** Made on the server too, where it does nothing: it connects when the provider is mounted. */
const hub = createHub({
  url: process.env.NEXT_PUBLIC_WS_URL ?? "ws://localhost:8000/ws",
  getToken: () => fetchToken("/token"),
});

/** The top bar with the bell, and the hub for everything below. */
export function Notifications({ children }: { children: ReactNode }) {
  return (
    <HubProvider client={hub}>
      <TopBar initials="AP" name="AppPortal" bell={<NotificationBell lang="pt-BR" toasts push />} />
      {children}
    </HubProvider>
  );
}
