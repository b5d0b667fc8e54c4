// @vitest-environment node
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { createHub } from "../src/index.js";
import { HubProvider, useArchived, useHubEvent, useNotifications, usePreferences, useWebSocket } from "../src/react.js";

function Page(): string {
  const { status, lastMessage } = useWebSocket();
  const { unreadCount } = useNotifications();
  useHubEvent("stock_alert", () => undefined);
  const { muted } = usePreferences();
  const { notifications, state } = useArchived();
  return `${status} ${String(lastMessage)} ${unreadCount} ${muted.length} ${notifications.length} ${state}`;
}

test("a server renders the page, and opens nothing", () => {
  expect(typeof window).toBe("undefined");
  const hub = createHub({
    url: "/hub",
    getToken: () => {
      throw new Error("a server asks for no token");
    },
  });
  const html = renderToString(
    <HubProvider client={hub}>
      <Page />
    </HubProvider>,
  );
  hub.close();
  expect([html, hub.status.state]).toEqual(["idle null 0 0 0 ready", "idle"]);
});
