// @ts-check
// Draws every icon of the desktop app from icons/periwinkle.svg. Works without a network.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DESKTOP = ["32x32.png", "64x64.png", "128x128.png", "128x128@2x.png", "icon.png", "icon.ico", "icon.icns"];

const ui = fileURLToPath(new URL("..", import.meta.url));
const icons = join(ui, "..", "icons");
const drawn = mkdtempSync(join(tmpdir(), "periwinkle-icons-"));
try {
  execFileSync(join(ui, "node_modules/.bin/tauri"), ["icon", join(icons, "periwinkle.svg"), "-o", drawn], { stdio: "ignore" });
  for (const name of DESKTOP) copyFileSync(join(drawn, name), join(icons, name));
  console.log(`${DESKTOP.length} icons drawn into ${icons}`);
} finally {
  rmSync(drawn, { recursive: true, force: true });
}
