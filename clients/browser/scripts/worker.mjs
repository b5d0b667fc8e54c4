// Builds the service worker as one classic script, which `importScripts` takes as well as a bundler.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

await build({
  entryPoints: [at("src/service-worker.ts")],
  outfile: at("dist/service-worker.js"),
  bundle: true,
  format: "iife",
  target: "es2022",
  logLevel: "warning",
});
