import path from "node:path";
import type { NextConfig } from "next";

const config: NextConfig = {
  // The bell is TypeScript of this repository, not a built package.
  transpilePackages: ["example-bell"],
  turbopack: { root: path.join(import.meta.dirname, "..") },
  devIndicators: false,
};

export default config;
