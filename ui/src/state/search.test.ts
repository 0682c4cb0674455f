import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SearchPage } from "../backend/backend";
import { makePerson, makePost, MemoryBackend } from "../backend/memory/memory";
import { Search } from "./search.svelte";
import { Toasts } from "./toasts.svelte";

const me = makePerson("Ada", "me");
const bo = makePerson("Bo", "friends");
const posts = Array.from({ length: 90 }, (_, at) => makePost(bo, `low tide ${at}`, 1_000_000 - at));

function open(): { backend: MemoryBackend; search: Search } {
  const backend = new MemoryBackend({ me, people: [bo], posts });
  return { backend, search: new Search(backend, new Toasts()) };
}

/** Changes what the backend answers. */
function answers(backend: MemoryBackend, change: (page: SearchPage) => SearchPage): void {
  const search = backend.search.bind(backend);
  vi.spyOn(backend, "search").mockImplementation(async (query) => change(await search(query)));
}

describe("a search", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("opens with Enter what was pasted, but not once other words stand there", async () => {
    const { search } = open();
    const id = posts[3]?.id ?? "";
    search.text = id;
    expect(await search.enter()).toEqual({ kind: "thread", id });
    search.text = "tide";
    expect(await search.enter()).toBeNull();
    expect(search.rows).toHaveLength(40);
  });

  it("opens nothing where the words changed while Enter waited", async () => {
    const { search } = open();
    search.text = posts[3]?.id ?? "";
    const entered = search.enter();
    search.text = "tide";
    expect(await entered).toBeNull();
  });

  it("reads further pages of what was asked, whatever is typed meanwhile", async () => {
    const { backend, search } = open();
    search.text = "tide";
    await search.ask();
    search.text = "tide 8";
    search.order = "best";
    search.pages.see(39, 39);
    await vi.advanceTimersByTimeAsync(1);
    expect(backend.searched.at(-1)).toMatchObject({ text: "tide", order: "newest", cursor: "40" });
    expect(search.rows).toHaveLength(80);
  });

  it("brings up to date how much is missing, under a long answer without moving it", async () => {
    const { backend, search } = open();
    let behind = 900;
    answers(backend, (page) => ({ ...page, behind }));
    const stop = search.start();
    search.text = "tide";
    await search.ask();
    const shown = search.rows;
    behind = 400;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(search.behind).toBe(400);
    expect(search.rows).toBe(shown);
    behind = 0;
    await vi.advanceTimersByTimeAsync(2_000);
    const asked = backend.searched.length;
    await vi.advanceTimersByTimeAsync(5_000);
    expect([search.behind, backend.searched.length]).toEqual([0, asked]);
    stop();
  });

  it("has news with each answer to another question, and none while the same is found again", async () => {
    const { search } = open();
    search.text = "tide 11";
    await search.ask();
    expect(search.news).toBe(1);
    await search.ask();
    expect(search.news).toBe(1);
    search.text = "tide 12";
    await search.ask();
    expect(search.news).toBe(2);
  });
});
