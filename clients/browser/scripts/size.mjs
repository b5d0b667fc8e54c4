// Fails where the core, the inbox or the hooks, minified and gzipped as a page would load them, weigh more than their budget.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const BUDGET_BYTES = { core: 8_704, inbox: 8_192, react: 2_048 };

const bundle = async (entry, external) => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../src/${entry}`, import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external,
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
};

const sizes = {
  core: await bundle("index.ts", []),
  inbox: await bundle("inbox.ts", []),
  react: await bundle("react.tsx", ["react", "react/jsx-runtime", "./hub.js", "./status.js", "./inbox.js"]),
};
for (const [name, size] of Object.entries(sizes)) {
  console.log(`${name}: ${size} bytes gzipped of ${BUDGET_BYTES[name]}`);
  if (size > BUDGET_BYTES[name]) process.exitCode = 1;
}
