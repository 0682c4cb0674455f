import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makePerson, makePost, MemoryBackend } from "../backend/memory/memory";
import { Timeline } from "./timeline.svelte";
import { Toasts } from "./toasts.svelte";

const me = makePerson("Ada", "me");
const bo = makePerson("Bo", "friends");

function posts(count: number) {
  return Array.from({ length: count }, (_, at) => makePost(bo, `post ${at}`, 1_000_000 - at));
}

function follow(backend: MemoryBackend): Timeline {
  const timeline = new Timeline(backend, new Toasts(), { kind: "following" });
  timeline.start();
  return timeline;
}

/** Scrolls to the last row that is read, as far as the list is concerned. */
async function older(timeline: Timeline): Promise<void> {
  timeline.pages.see(timeline.rows.length - 1, timeline.rows.length - 1);
  await vi.advanceTimersByTimeAsync(1);
}

function texts(timeline: Timeline): string[] {
  return timeline.cards.map((card) => card.post.text);
}

describe("a timeline", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("shows a first page, then older ones, then its end", async () => {
    const timeline = follow(new MemoryBackend({ me, people: [bo], posts: posts(70) }));
    await vi.advanceTimersByTimeAsync(1);
    expect(timeline.cards).toHaveLength(30);
    await older(timeline);
    await older(timeline);
    expect(timeline.cards).toHaveLength(70);
    expect(timeline.ended).toBe(true);
    expect(new Set(timeline.cards.map((card) => card.post.id)).size).toBe(70);
  });

  it("counts what arrives and leaves the list where it is", async () => {
    const backend = new MemoryBackend({ me, people: [bo], posts: posts(3) });
    const timeline = follow(backend);
    await vi.advanceTimersByTimeAsync(500);
    const before = texts(timeline);
    backend.receive(makePost(bo, "new", 2_000_000), makePost(bo, "newer", 2_000_001));
    await vi.advanceTimersByTimeAsync(500);
    expect(timeline.arrived).toBe(2);
    expect(texts(timeline)).toEqual(before);
    await timeline.refresh();
    expect(timeline.arrived).toBe(0);
    expect(texts(timeline)).toEqual(["newer", "new", ...before]);
  });

  it("counts a shown thread that comes up with a reply, and does not let its card grow", async () => {
    const old = posts(3);
    const backend = new MemoryBackend({ me, people: [bo], posts: old });
    const timeline = follow(backend);
    await vi.advanceTimersByTimeAsync(500);
    backend.receive(makePost(bo, "answer", 2_000_000, { root: old[2]?.id ?? null }));
    await vi.advanceTimersByTimeAsync(500);
    expect(timeline.arrived).toBe(1);
    expect(timeline.cards.every((card) => card.latest.length === 0)).toBe(true);
  });

  it("brings a card up to date where one answered in it, keeps older pages, and calls it no news", async () => {
    const old = posts(70);
    const backend = new MemoryBackend({ me, people: [bo], posts: old });
    const timeline = follow(backend);
    await vi.advanceTimersByTimeAsync(500);
    await older(timeline);
    const answered = timeline.cards[45]?.post.id ?? "";
    await backend.publish({ text: "mine", replyTo: answered, channel: null });
    await timeline.settle(answered);
    await vi.advanceTimersByTimeAsync(500);
    expect(timeline.cards).toHaveLength(60);
    expect(timeline.cards[45]?.latest.map((post) => post.text)).toEqual(["mine"]);
    expect(timeline.arrived).toBe(0);
  });

  it("shows the first posts of an empty list at once: nothing can jump", async () => {
    const backend = new MemoryBackend({ me, people: [bo] });
    const timeline = follow(backend);
    await vi.advanceTimersByTimeAsync(500);
    backend.receive(makePost(bo, "first", 2_000_000));
    await vi.advanceTimersByTimeAsync(1);
    expect(texts(timeline)).toEqual(["first"]);
  });

  it("reads at most once for a burst, and once more at its end", async () => {
    const backend = new MemoryBackend({ me, people: [bo], posts: posts(3) });
    const timeline = follow(backend);
    await vi.advanceTimersByTimeAsync(500);
    const read = vi.spyOn(backend, "timeline");
    for (let at = 0; at < 500; at += 1) backend.receive(makePost(bo, `burst ${at}`, 2_000_000 + at));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(read).toHaveBeenCalledTimes(2);
    expect(timeline.arrived).toBe(30);
  });

  it("shows a like at once and takes it back when it fails", async () => {
    const backend = new MemoryBackend({ me, people: [bo], posts: posts(1) });
    const timeline = follow(backend);
    await vi.advanceTimersByTimeAsync(500);
    const id = timeline.cards[0]?.post.id ?? "";
    vi.spyOn(backend, "like").mockRejectedValue({ code: "disk", message: "The disk is full.", next: "Free some space." });
    const liking = timeline.like(id, true);
    expect(timeline.cards[0]?.post).toMatchObject({ liked: true, likes: 1 });
    await liking;
    expect(timeline.cards[0]?.post).toMatchObject({ liked: false, likes: 0 });
  });
});
