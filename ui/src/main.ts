import { mount } from "svelte";
import "./look/fonts.css";
import "./look/tokens.css";
import "./look/base.css";
import App from "./App.svelte";
import type { Backend } from "./backend/backend";

/** The mode is known when the page is built, so a page built for the app carries the first branch alone. */
async function backend(): Promise<Backend> {
  if (import.meta.env.MODE !== "memory") return (await import("./backend/tauri")).connect();
  const scenes = await import("./backend/memory/scenes");
  return scenes.scene(new URLSearchParams(location.search).get("scene") ?? "many");
}

const target = document.getElementById("app");
if (target) mount(App, { target, props: { backend: await backend() } });
