import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const react18 = fileURLToPath(new URL("../react-18/node_modules/", import.meta.url));
const client = fileURLToPath(new URL("../browser/src/", import.meta.url));
const reactTests = ["tests/react.test.tsx"];
const alias = [
  // The client's source, so that the tests need no build of it.
  { find: /^@notification-hub\/client\/(inbox|push)$/, replacement: `${client}$1.ts` },
  { find: /^@notification-hub\/client\/react$/, replacement: `${client}react.tsx` },
  { find: /^@notification-hub\/client$/, replacement: `${client}index.ts` },
];

/** Longer than anything here takes on a busy machine; a test that meets it has failed. Projects inherit nothing. */
const testTimeout = 20_000;

export default defineConfig({
  test: {
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary"],
      // What it is; a change that covers less fails. The pages in Chromium run what jsdom cannot (tests/e2e/bell.test.mjs).
      thresholds: { statements: 94, branches: 86, functions: 91, lines: 97 },
    },
    projects: [
      {
        test: { testTimeout, name: "server", environment: "node", include: ["tests/server.test.tsx"] },
        resolve: { alias },
      },
      {
        test: { testTimeout, name: "page", environment: "jsdom", include: ["tests/*.test.ts", ...reactTests] },
        resolve: { alias },
      },
      {
        // React's part once more, on the oldest React it promises to run on.
        test: { testTimeout, name: "react-18", environment: "jsdom", include: reactTests },
        resolve: { alias: [...alias, { find: /^(react|react-dom)(?=$|\/)/, replacement: `${react18}$1` }] },
      },
    ],
  },
});
