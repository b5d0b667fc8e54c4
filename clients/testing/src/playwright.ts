import { test as base } from "@playwright/test";
import type { HubFixtures } from "./fixtures.js";
import { LocalHub } from "./hub.js";

export type { HubFixtures } from "./fixtures.js";

/**
 * Playwright's `test` with the fixtures `hub`, `publish` and `listen`; `test.use({ hubOptions })` sets the hub up. A test
 * that fails has its hub's log lines as an attachment.
 */
export const test = base.extend<HubFixtures>({
  hubOptions: [{}, { option: true }],
  hub: async ({ hubOptions }, use, info) => {
    const hub = await LocalHub.start(hubOptions);
    await use(hub);
    await hub.close();
    if (info.status !== info.expectedStatus) await info.attach("hub.log", { body: hub.log.join("\n") });
  },
  publish: ({ hub }, use) => use(hub.publish.bind(hub)),
  listen: ({ hub }, use) => use(hub.listen.bind(hub)),
});
