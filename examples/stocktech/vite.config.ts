import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The service, as the web server in front of StockTech would reach it.
const proxy = { "/api": `http://127.0.0.1:${process.env["SERVICE_PORT"] ?? 5174}` };

export default defineConfig({
  plugins: [react()],
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 5173, strictPort: true, proxy },
});
