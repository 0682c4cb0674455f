// @ts-check
// Runs axe on every screen in both themes; ends with 1 where anything is found.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { open, SHOTS, withBrowser } from "./stage.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let found = 0;
let looked = 0;
let faulty = 0;

await withBrowser(async (browser, address) => {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    for (const viewport of [{ width: 1280, height: 800 }, { width: 600, height: 800 }]) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
      const page = await context.newPage();
      for (const shot of SHOTS) {
        await page.evaluate(() => localStorage.clear()).catch(() => undefined);
        await page.goto("about:blank");
        await open(page, address, shot);
        await page.evaluate(axe);
        const violations = await page.evaluate(async () => {
          // @ts-expect-error axe is put into the page above
          const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
          return violations.map((/** @type {any} */ one) => ({
            id: one.id,
            help: one.help,
            nodes: one.nodes.slice(0, 4).map((/** @type {any} */ node) => `${node.html.slice(0, 160)}\n      ${node.failureSummary.replaceAll("\n", " ")}`),
          }));
        });
        looked += 1;
        faulty += Number(violations.length > 0);
        for (const { id, help, nodes } of violations) {
          found += 1;
          console.error(`${shot.name} (${colorScheme}, ${viewport.width} wide): ${id}: ${help}\n    ${nodes.join("\n    ")}`);
        }
      }
      await context.close();
    }
  }
});

console.log(`axe looked at ${looked} pages: ${found === 0 ? "nothing to put right" : `${found} findings`}`);
console.log(`${looked - faulty} passed, ${faulty} failed, 0 skipped`);
process.exit(found === 0 ? 0 : 1);
