import { defineConfig } from "vite";

/** The built page is committed beside the handler that serves it, so that a hub needs no Node (docs/decisions/). */
const BUNDLE = "../hub/api/console";

export default defineConfig({
  // Relative addresses: a proxy may serve the hub under any path.
  base: "./",
  build: {
    outDir: BUNDLE,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    // One script and one style under fixed names, each a route of the hub; a data: address would need another policy.
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "console.[ext]", codeSplitting: false },
    },
  },
});
