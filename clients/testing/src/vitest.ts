import { test as base } from "vitest";
import type { HubFixtures } from "./fixtures.js";
import { LocalHub } from "./hub.js";

export type { HubFixtures } from "./fixtures.js";

/** vitest's `test` with the fixtures `hub`, `publish` and `listen`. */
export const test = base.extend<HubFixtures>({
  hubOptions: {},
  hub: async ({ hubOptions }, use) => {
    const hub = await LocalHub.start(hubOptions);
    await use(hub);
    await hub.close();
  },
  publish: ({ hub }, use) => use(hub.publish.bind(hub)),
  listen: ({ hub }, use) => use(hub.listen.bind(hub)),
});
