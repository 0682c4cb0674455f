// @ts-check
// Takes a picture of every screen, wide and small, light and dark: `npm run shots -- [FOLDER] [NAME…]`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { open, SHOTS, withBrowser } from "./stage.mjs";

const [folder = fileURLToPath(new URL("../shots", import.meta.url)), ...names] = process.argv.slice(2);
/** @type {[string, { width: number, height: number }][]} */
const SIZES = [
  ["1280x800", { width: 1280, height: 800 }],
  ["900x600", { width: 900, height: 600 }],
];

mkdirSync(folder, { recursive: true });
await withBrowser(async (browser, address) => {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    for (const [size, viewport] of SIZES) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
      const page = await context.newPage();
      page.on("pageerror", (error) => console.error(`${size} ${colorScheme}:`, error));
      for (const shot of SHOTS.filter((one) => names.length === 0 || names.includes(one.name))) {
        await page.evaluate(() => localStorage.clear()).catch(() => undefined);
        await page.goto("about:blank");
        await open(page, address, shot);
        await page.screenshot({ path: join(folder, `${shot.name}.${size}.${colorScheme}.png`) });
      }
      await context.close();
    }
  }
});
console.log(`Pictures are in ${folder}`);
