// @ts-check
// Opens the page in a headless Chromium, with the world in memory behind it. Used by `npm run shots` and `npm run axe`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build, preview } from "vite";

/** @typedef {{ name: string, scene: string, hash?: string, act?: (page: import("playwright-core").Page) => Promise<unknown> }} Shot */

/** Scenes whose pages are reached by a click. @type {Shot[]} */
export const SHOTS = [
  { name: "welcome", scene: "welcome" },
  { name: "timeline", scene: "many" },
  { name: "timeline-empty", scene: "empty" },
  { name: "timeline-one", scene: "one" },
  { name: "timeline-long", scene: "long" },
  { name: "timeline-rtl", scene: "rtl" },
  { name: "timeline-friends", scene: "many", hash: "#/posts/friends" },
  { name: "timeline-strangers", scene: "strangers", hash: "#/posts/nearby" },
  { name: "timeline-strangers-off", scene: "many", hash: "#/posts/nearby" },
  { name: "timeline-syncing", scene: "syncing" },
  { name: "timeline-recovering", scene: "recovering" },
  { name: "timeline-all", scene: "many", hash: "#/posts/all", act: (page) => page.mouse.move(500, 400).then(() => page.mouse.wheel(0, 640)) },
  {
    name: "timeline-arrived",
    scene: "arriving",
    act: async (page) => {
      await page.mouse.move(500, 400);
      await page.mouse.wheel(0, 260);
      await page.getByTestId("new-pill").waitFor();
    },
  },
  { name: "timeline-indexing", scene: "indexing" },
  { name: "timeline-crowd", scene: "crowd", hash: "#/posts/all", act: (page) => page.mouse.move(500, 400).then(() => page.mouse.wheel(0, 40_000)).then(() => page.waitForTimeout(300)) },
  { name: "thread-crowd", scene: "crowd", hash: "#/channel/none", act: crowdedThread },
  { name: "search", scene: "many", hash: "#/search" },
  { name: "search-found", scene: "many", hash: "#/search", act: (page) => page.getByTestId("search-text").fill("the har") },
  { name: "search-person", scene: "many", hash: "#/search", act: (page) => page.getByTestId("search-text").fill("mir").then(() => page.getByRole("button", { name: "Only their posts" }).click()) },
  { name: "search-people", scene: "many", hash: "#/search", act: (page) => page.getByTestId("search-text").fill("bo") },
  { name: "search-nothing", scene: "many", hash: "#/search", act: (page) => page.getByTestId("search-text").fill("zeppelin").then(() => page.getByTestId("search-channel").fill("harbour")) },
  { name: "search-absent", scene: "many", hash: "#/search", act: (page) => page.getByTestId("search-text").fill(`%${"A".repeat(43)}=.sha256`) },
  { name: "search-pasted", scene: "many", act: pastedId },
  { name: "search-indexing", scene: "indexing", hash: "#/search", act: (page) => page.getByTestId("search-text").fill("tide") },
  { name: "search-long", scene: "long", hash: "#/search", act: (page) => page.getByTestId("search-text").fill("w") },
  { name: "search-rtl", scene: "rtl", hash: "#/search", act: (page) => page.getByTestId("search-text").fill("הים") },
  { name: "channel", scene: "many", hash: "#/channel/harbour" },
  {
    name: "composing",
    scene: "many",
    act: async (page) => {
      await page.getByTestId("composer-text").fill("Low water again tomorrow at seven.\n\nWho brings the ladder? ".concat("And a rope. ".repeat(580)).slice(0, 6_960));
      await page.getByRole("button", { name: "Post to a channel" }).click();
      await page.getByLabel("Channel", { exact: true }).fill("harbour");
    },
  },
  { name: "keys", scene: "many", act: (page) => page.keyboard.press("?").then(() => page.getByTestId("keys").waitFor()) },
  { name: "previewing", scene: "many", act: (page) => lookAt(page, "composer") },
  {
    name: "previewing-reply",
    scene: "many",
    act: (page) => page.locator("[data-testid=card]").first().press("Enter").then(() => lookAt(page, "reply")),
  },
  {
    name: "refused",
    scene: "refused",
    act: async (page) => {
      await page.getByTestId("composer-text").fill("Will this fit?");
      await page.getByTestId("composer-publish").click();
      await page.getByTestId("toast").waitFor();
    },
  },
  { name: "thread", scene: "many", act: (page) => page.locator("[data-testid=card]").first().press("Enter") },
  { name: "thread-absent", scene: "many", hash: `#/thread/${encodeURIComponent(`%${"A".repeat(43)}=.sha256`)}` },
  { name: "nearby", scene: "many", hash: "#/nearby" },
  { name: "nearby-empty", scene: "empty", hash: "#/nearby" },
  { name: "nearby-apart", scene: "apart", hash: "#/nearby", act: (page) => page.getByTestId("check-network").click().then(() => page.getByTestId("finding").first().waitFor()) },
  { name: "nearby-linking", scene: "many", hash: "#/nearby", act: byHand },
  { name: "nearby-rude", scene: "rude", hash: "#/nearby" },
  { name: "nearby-stranger", scene: "stranger", hash: "#/nearby" },
  { name: "nearby-syncing", scene: "syncing", hash: "#/nearby" },
  { name: "nearby-long", scene: "long", hash: "#/nearby" },
  { name: "person", scene: "many", act: (page) => page.locator("article header .name a").first().click() },
  { name: "person-stranger", scene: "stranger", act: (page) => page.goto(`${page.url().split("#")[0]}#/nearby`).then(() => page.locator("[data-testid=near-tile] a").first().click()) },
  { name: "person-long", scene: "long", act: (page) => page.locator("article header .name a").first().click() },
  { name: "me", scene: "many", act: (page) => page.getByTestId("rail-me").click() },
  { name: "me-editing", scene: "many", act: (page) => page.getByTestId("rail-me").click().then(() => page.getByTestId("edit-self").click()) },
  { name: "leaving", scene: "many", act: (page) => page.locator("button.out").first().click() },
  { name: "failure", scene: "failure" },
];

/** Writes with some Markdown and looks at it. @param {import("playwright-core").Page} page @param {"composer" | "reply"} where */
async function lookAt(page, where) {
  await page.getByTestId(`${where}-text`).fill("# Low water\n\nTomorrow at **seven**, by the *old* crane:\n\n- a ladder\n- a rope\n\n> Who brings the `boat`?");
  await page.getByTestId("composer-look").click();
  await page.getByTestId("composer-preview").waitFor();
}

/** Links by address, and then by one where nobody answers. @param {import("playwright-core").Page} page */
async function byHand(page) {
  for (const address of ["192.168.7.4:4100", "192.168.7.9:4100"]) {
    await page.getByTestId("address").fill(address);
    await page.getByTestId("connect").click();
    await page.waitForTimeout(100);
  }
  await page.getByTestId("reached").waitFor();
  await page.getByRole("alert").waitFor();
  await page.getByRole("alert").scrollIntoViewIfNeeded();
}

/** Opens the thread with hundreds of replies, far down. @param {import("playwright-core").Page} page */
async function crowdedThread(page) {
  await page.goto(`${page.url().split("#")[0]}#/posts/all`);
  await page.getByText("What does everybody bring").first().click();
  await page.getByTestId("thread").waitFor();
  await page.mouse.move(500, 400);
  await page.mouse.wheel(0, 20_000);
  await page.waitForTimeout(300);
}

/** Pastes the id of a post that is here. @param {import("playwright-core").Page} page */
async function pastedId(page) {
  const id = await page.locator("[data-testid=card]").first().getAttribute("data-id");
  await page.keyboard.press("/");
  await page.getByTestId("search-text").fill(id ?? "");
  await page.getByTestId("search-target").waitFor();
}

/** Runs `work` with a browser and the address of the page, and closes both whatever happens.
 * @param {(browser: import("playwright-core").Browser, address: string) => Promise<void>} work */
export async function withBrowser(work) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const outDir = mkdtempSync(join(tmpdir(), "periwinkle-page-"));
  await build({ root, mode: "memory", logLevel: "error", build: { outDir, emptyOutDir: true, reportCompressedSize: false } });
  const server = await preview({ root, logLevel: "error", build: { outDir }, preview: { host: "127.0.0.1", port: 0 } });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const address = server.resolvedUrls?.local[0];
    if (!address) throw new Error("Vite gave no address");
    await work(browser, address);
  } finally {
    await browser.close();
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  }
}

/** Opens one shot on a page.
 * @param {import("playwright-core").Page} page @param {string} address @param {Shot} shot */
export async function open(page, address, shot) {
  // Chromium gives up what it loads when a network interface of this machine comes or goes: then once more.
  for (let again = 2; ; again -= 1) {
    try {
      await page.goto(`${address}?scene=${shot.scene}${shot.hash ?? ""}`);
      await page.locator("main").waitFor({ timeout: 10_000 });
      break;
    } catch (error) {
      if (again === 0) throw error;
      await page.goto("about:blank");
    }
  }
  await page.evaluate(() => document.fonts.ready);
  await shot.act?.(page);
  // Scenes in which something happens do it within a third of a second.
  await page.waitForTimeout(shot.scene === "syncing" || shot.scene === "arriving" ? 700 : shot.name.startsWith("search") ? 320 : 120);
}
