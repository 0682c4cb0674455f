/** The window of a test, over the world in memory. */
import { render, screen } from "@testing-library/svelte";
import App from "./App.svelte";
import { makePerson, MemoryBackend, type World } from "./backend/memory/memory";

/** Who the window belongs to. */
export const ada = makePerson("Ada", "me");

/** Somebody Ada follows, and who follows her. */
export const bo = makePerson("Bo", "friends");

/** Opens Ada's window at `hash`; what `world` does not say is a small, quiet world. */
export function open(world: Partial<World> = {}, hash = ""): MemoryBackend {
  history.replaceState(null, "", `/${hash}`);
  const backend = new MemoryBackend({ me: ada, followers: 14, people: [bo], ...world });
  render(App, { backend });
  return backend;
}

/** Where one writes a post. */
export const field = () => screen.findByTestId<HTMLTextAreaElement>("composer-text");
