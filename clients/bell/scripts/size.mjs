// Fails where the element or React's part, minified and gzipped as a page would load them, weigh more than their budget.
// The hub's client is not counted: a page has it already.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const BUDGET_BYTES = { element: 13_312, react: 2_048 };

const bundle = async (entry, external) => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../src/${entry}`, import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["@notification-hub/client", ...external],
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
};

const sizes = {
  element: await bundle("index.ts", []),
  react: await bundle("react.tsx", ["react", "react/jsx-runtime", "./index.js", "./styles.js", "./texts.js"]),
};
for (const [name, size] of Object.entries(sizes)) {
  console.log(`bell ${name}: ${size} bytes gzipped of ${BUDGET_BYTES[name]}`);
  if (size > BUDGET_BYTES[name]) process.exitCode = 1;
}
