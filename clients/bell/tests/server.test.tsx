import { renderToString } from "react-dom/server";
import { createElement } from "react";
import { expect, test } from "vitest";
import { createHub } from "@notification-hub/client";
import { HubProvider } from "@notification-hub/client/react";
import { defineBell, NotificationBellElement } from "../src/index.js";
import { NotificationBell } from "../src/react.js";

const hub = createHub({ url: "https://hub.test", getToken: () => "" });

test("a server imports the element, which does nothing there", () => {
  defineBell();
  expect(typeof NotificationBellElement).toBe("function");
});

test("a server renders the button inside a declarative shadow root, in the language that is given", () => {
  const html = renderToString(
    createElement(HubProvider, { client: hub }, createElement(NotificationBell, { lang: "en", toasts: true })),
  );
  expect(html).toMatch(
    /^<notification-bell lang="en" toasts="bottom-end"><template shadowrootmode="open"><style>.*<button type="button" class="bell-button" part="button" aria-label="Notifications" aria-expanded="false"><slot name="icon"><svg.*<\/template><\/notification-bell>$/s,
  );
});

test("the nonce of a page's policy is that of the styles, and cannot leave its attribute", () => {
  const html = renderToString(createElement(NotificationBell, { hub, nonce: `a"><script>` }));
  expect(html).toContain(`<style nonce="a&quot;&gt;&lt;script&gt;">`);
});

test("without a hub and a provider it says what is missing", () => {
  expect(() => renderToString(createElement(NotificationBell))).toThrow("useHub needs a <HubProvider");
});
