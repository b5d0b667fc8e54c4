import { defineConfig } from "@playwright/test";

/** Runs the test beside it, which fails. */
export default defineConfig({ testMatch: "playwright.ts", reporter: "json", timeout: 60_000 });
