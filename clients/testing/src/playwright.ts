import { test as base } from "@playwright/test";
import type { HubFixtures } from "./fixtures.js";
import { LocalHub } from "./hub.js";

export type { HubFixtures } from "./fixtures.js";

/** Playwright's `test` with the fixtures `hub`, `publish` and `listen`; `test.use({ hubOptions })` sets the hub up. */
export const test = base.extend<HubFixtures>({
  hubOptions: [{}, { option: true }],
  hub: async ({ hubOptions }, use) => {
    const hub = await LocalHub.start(hubOptions);
    await use(hub);
    await hub.close();
  },
  publish: ({ hub }, use) => use(hub.publish.bind(hub)),
  listen: ({ hub }, use) => use(hub.listen.bind(hub)),
});
