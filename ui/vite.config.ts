import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  build: {
    // WebKitGTK 2.40 and later, which is Safari 16.4; Chromium of the same year.
    target: ["safari16.4", "chrome111"],
    // Nothing may become a data: URL: the content policy allows fonts and pictures from ourselves alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { port: 5173, strictPort: true, fs: { allow: [".."] } },
  resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
  test: { environment: "jsdom", include: ["src/**/*.test.ts"], setupFiles: ["src/test-env.ts"] },
});
