/** Two devices of one user in Chromium: whatever is done to their tabs, all of them show what the hub has. */
import { after, before, test } from "node:test";
import { BellHarness } from "./bell.mjs";
import { runSchedules } from "./devices.mjs";

const TEST_MS = 240_000;
/** 200 run with the client alone, in `clients/browser/tests/inbox-model.test.ts`, and 40 in Chromium in `make soak`. */
const SCHEDULES = 1;
/** @type {BellHarness} */
let harness;

// Each schedule has a user of its own.
before(async () => (harness = await BellHarness.build({ HUB_DIRECTORY_URL: "off" })), { timeout: TEST_MS });
after(() => harness?.close());

test(
  "two devices with three tabs agree after clicks, crashes, reloads, and without a network",
  { timeout: TEST_MS },
  () => runSchedules(harness, SCHEDULES),
);
