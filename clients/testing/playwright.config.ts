import { fileURLToPath } from "node:url";
import { defineConfig } from "@playwright/test";

process.env.HUB_COMMAND ??= fileURLToPath(new URL("../../.venv/bin/hub", import.meta.url));

export default defineConfig({
  testDir: "test",
  testMatch: "*.playwright.ts",
  outputDir: "../../build/playwright",
  reporter: "line",
  timeout: 60_000,
  use: { launchOptions: { executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] } },
});
