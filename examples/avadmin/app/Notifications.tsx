"use client";
import { NotificationBell } from "@notification-hub/bell/react";
import { createHub } from "@notification-hub/client";
import { HubProvider } from "@notification-hub/client/react";
import { fetchToken, TopBar } from "example-shared";
import type { ReactNode } from "react";

/** The hub is on this very origin, behind the proxy, so its address is a path. */
const hub = createHub({
  url: process.env.NEXT_PUBLIC_WS_URL ?? "/ws",
  getToken: () => fetchToken("/operator/token"),
});

/** The top bar with the bell, and the hub for everything below. */
export function Notifications({ children }: { children: ReactNode }) {
  return (
    <HubProvider client={hub}>
      <TopBar initials="AV" name="AvAdmin" bell={<NotificationBell lang="pt-BR" toasts />} />
      {children}
    </HubProvider>
  );
}
