/** The schedules of `devices.test.mjs`, and many more. */
import { after, before, test } from "node:test";
import { BellHarness } from "./bell.mjs";
import { runSchedules } from "./devices.mjs";

const TEST_MS = 40 * 60_000;
/** @type {BellHarness} */
let harness;

before(async () => (harness = await BellHarness.build({ HUB_DIRECTORY_URL: "off" })), { timeout: TEST_MS });
after(() => harness?.close());

test("two devices with three tabs agree after forty schedules", { timeout: TEST_MS }, () => runSchedules(harness, 40));
