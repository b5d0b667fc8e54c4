import { test as base } from "vitest";
import type { HubFixtures } from "./fixtures.js";
import { LocalHub } from "./hub.js";

export type { HubFixtures } from "./fixtures.js";

/** vitest's `test` with the fixtures `hub`, `publish` and `listen`; a test that fails prints its hub's log lines. */
export const test = base.extend<HubFixtures>({
  hubOptions: {},
  hub: async ({ hubOptions, onTestFailed }, use) => {
    const hub = await LocalHub.start(hubOptions);
    onTestFailed(() => console.error(hub.log.join("\n")));
    await use(hub);
    await hub.close();
  },
  publish: ({ hub }, use) => use(hub.publish.bind(hub)),
  listen: ({ hub }, use) => use(hub.listen.bind(hub)),
});
