import { defineConfig } from "vitest/config";

/** Runs the test beside it, which fails. */
export default defineConfig({ test: { include: ["test/failing/vitest.ts"], testTimeout: 60_000 } });
