import { defineConfig } from "vitest/config";

export default defineConfig({
  // Longer than anything here takes on a busy machine; a test that meets it has failed.
  test: { include: ["test/*.test.ts"], testTimeout: 20_000, hookTimeout: 30_000 },
});
