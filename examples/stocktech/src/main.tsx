import "example-shared/page.css";
import { createHub } from "@notification-hub/client";
import { inboxOf } from "@notification-hub/client/inbox";
import { HubProvider } from "@notification-hub/client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { fetchUserToken, readUser } from "./session";

const user = readUser();
const hub = createHub({
  url: import.meta.env.VITE_WS_URL ?? "ws://localhost:8000/ws",
  getToken: () => fetchUserToken(user),
});

// The list that the page's bell kept in this browser before it had the hub.
inboxOf(hub).adopt("stocktech-notifications");

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <HubProvider client={hub}>
      <App user={user} />
    </HubProvider>
  </StrictMode>,
);
