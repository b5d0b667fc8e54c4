import path from "node:path";
import type { NextConfig } from "next";

const config: NextConfig = {
  // The top bar is TypeScript of this repository, not a built package.
  transpilePackages: ["example-shared"],
  turbopack: { root: path.join(import.meta.dirname, "..") },
  devIndicators: false,
};

export default config;
