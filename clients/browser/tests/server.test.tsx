// @vitest-environment node
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { createHub } from "../src/index.js";
import { HubProvider, useHubEvent, useNotifications, useWebSocket } from "../src/react.js";

function Page(): string {
  const { status, lastMessage } = useWebSocket();
  const { unreadCount } = useNotifications();
  useHubEvent("stock_alert", () => undefined);
  return `${status} ${String(lastMessage)} ${unreadCount}`;
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
  expect([html, hub.status.state]).toEqual(["idle null 0", "idle"]);
});
