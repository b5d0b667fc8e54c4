import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Longer than anything here takes on a busy machine; a test that meets it has failed.
  test: {
    include: ["test/*.test.ts"],
    env: { HUB_COMMAND: fileURLToPath(new URL("../../.venv/bin/hub", import.meta.url)) },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary"],
      // What it is; a change that covers less fails.
      thresholds: { statements: 96, branches: 95, functions: 96, lines: 97 },
    },
  },
});
