import type { HubOptions, LocalHub } from "./hub.js";

/** What each test is given. */
export interface HubFixtures {
  /** How the hub of each test is started; override it with `test.extend` or, in Playwright, `test.use`. */
  hubOptions: HubOptions;
  /** A real hub on a free port, with an empty log, an account and a user that no other test has. */
  hub: LocalHub;
  /** Publish to the test's hub: `publish("order_created", { data: { orderId: 1 } })`. */
  publish: LocalHub["publish"];
  /** Listen at the test's hub: `listen()`, `listen({ userId: "7" })`. */
  listen: LocalHub["listen"];
}
