import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/*.test.ts"],
    coverage: {
      provider: "v8",
      // What the browser shows is tested in a browser (tests/console).
      include: ["src/**/*.ts"],
      exclude: ["src/texts/**"],
      reporter: ["text-summary"],
    },
  },
});
