import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Longer than anything here takes on a busy machine; a test that meets it has failed.
  test: {
    include: ["test/*.test.ts"],
    env: { HUB_COMMAND: fileURLToPath(new URL("../../.venv/bin/hub", import.meta.url)) },
    testTimeout: 60_000,
    hookTimeout: 30_000,
    coverage: {
      provider: "v8",
      include: ["src/**"],
      // Playwright runs it, in a process of its own.
      exclude: ["src/playwright.ts"],
      reporter: ["text-summary"],
      // What it is; a change that covers less fails.
      thresholds: { statements: 97, branches: 94, functions: 97, lines: 99 },
    },
  },
});
