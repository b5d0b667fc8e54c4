import { defineConfig } from "vitest/config";

const react18 = new URL("../react-18/node_modules/", import.meta.url).pathname;
const reactTests = ["tests/react.test.tsx", "tests/server.test.tsx"];

export default defineConfig({
  test: {
    projects: [
      {
        test: { name: "core", environment: "jsdom", include: ["tests/**/*.test.{ts,tsx}"] },
      },
      {
        // The hooks once more, on the oldest React they promise to run on.
        test: { name: "react-18", environment: "jsdom", include: reactTests },
        resolve: { alias: [{ find: /^(react|react-dom)(?=$|\/)/, replacement: `${react18}$1` }] },
      },
    ],
  },
});
