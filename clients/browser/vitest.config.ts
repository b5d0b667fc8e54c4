import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const react18 = fileURLToPath(new URL("../react-18/node_modules/", import.meta.url));
const reactTests = ["tests/react.test.tsx", "tests/server.test.tsx"];
const pageTests = [
  "tests/hub.test.ts",
  "tests/tabs.test.ts",
  "tests/archive.test.ts",
  "tests/inbox.test.ts",
  "tests/inbox-model.test.ts",
  "tests/shared-inbox.test.ts",
  "tests/push.test.ts",
  "tests/signals.test.ts",
  "tests/state.test.ts",
  "tests/preferences.test.ts",
  ...reactTests,
];

/** Longer than anything here takes on a busy machine; a test that meets it has failed. Projects inherit nothing. */
const testTimeout = 20_000;

export default defineConfig({
  test: {
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary"],
      // What it is; a change that covers less fails.
      thresholds: { statements: 99, branches: 95, functions: 100, lines: 99 },
    },
    projects: [
      { test: { testTimeout, name: "links", environment: "node", include: ["tests/*.test.ts"], exclude: pageTests } },
      { test: { testTimeout, name: "page", environment: "jsdom", include: pageTests } },
      {
        // The hooks once more, on the oldest React they promise to run on.
        test: { testTimeout, name: "react-18", environment: "jsdom", include: reactTests },
        resolve: { alias: [{ find: /^(react|react-dom)(?=$|\/)/, replacement: `${react18}$1` }] },
      },
    ],
  },
});
