import { describe, expect, it, vi } from "vitest";
import { Pages } from "./pages.svelte";

/** A store of numbers in falling order; a cursor is the number before which a page begins. */
class Store {
  asked: (string | null)[] = [];
  constructor(public numbers: number[]) {}

  read = async (from: string | null): Promise<{ values: number[]; next: string | null }> => {
    this.asked.push(from);
    const left = this.numbers.filter((one) => from === null || one < Number(from)).sort((a, b) => b - a);
    const values = left.slice(0, 30);
    return { values, next: left.length > 30 ? String(values.at(-1)) : null };
  };
}

function pages(store: Store): Pages<number> {
  return new Pages(store.read, String, (thrown) => expect.fail(String(thrown)), { estimate: 10, gap: 0 });
}

/** Scrolls on until `row` is in sight. */
async function scroll(list: Pages<number>, row: number): Promise<void> {
  for (let at = 0; at <= row; at += 10) {
    list.see(at, at + 5);
    await vi.waitFor(() => expect(list.rows.length > at + 5 || list.ended).toBe(true));
  }
}

const even = (count: number): number[] => Array.from({ length: count }, (_, at) => 2 * (count - at));

describe("a list that is read in pages", () => {
  it("holds what is near, and reads again what it let go of", async () => {
    const store = new Store(even(1_500));
    const list = pages(store);
    await list.begin();
    await scroll(list, 1_400);
    expect(list.rows.length).toBeGreaterThan(1_400);
    expect(list.values.length).toBeLessThan(600);
    expect(list.rows[700]).toEqual({ key: "1600", value: null });
    list.see(700, 705);
    await vi.waitFor(() => expect(list.rows[700]).toEqual({ key: "1600", value: 1600 }));
    expect(list.rows.slice(680, 720).every((row) => row.value !== null)).toBe(true);
    expect(list.values.length).toBeLessThan(600);
    expect(list.values[0]).toBe(3_000);
  });

  it("finds what came between two pages meanwhile, and misses what left", async () => {
    const store = new Store(even(1_500));
    const list = pages(store);
    await list.begin();
    await scroll(list, 1_000);
    const odd = Array.from({ length: 100 }, (_, at) => 2 * at + 2_401);
    store.numbers = [...store.numbers.filter((one) => one !== 2_500), ...odd];
    list.see(220, 380);
    await vi.waitFor(() => expect(list.rows.slice(220, 380).every((row) => row.value !== null)).toBe(true));
    const shown = list.values.filter((one) => one <= 2_560 && one >= 2_440);
    const there = store.numbers.filter((one) => one <= 2_560 && one >= 2_440).sort((a, b) => b - a);
    expect(shown).toEqual(there);
  });

  it("asks one thing at a time, however fast one scrolls", async () => {
    const store = new Store(even(300));
    const list = pages(store);
    await list.begin();
    for (let at = 0; at < 100; at += 1) list.see(25, 29);
    expect(store.asked).toEqual([null, "542"]);
  });

  it("forgets what was asked before it began anew", async () => {
    const store = new Store(even(300));
    const list = pages(store);
    await list.begin();
    list.see(29, 29);
    store.numbers = [1_000, ...store.numbers];
    await list.begin();
    await vi.waitFor(() => expect(list.rows.length).toBeGreaterThan(30));
    expect(list.rows.map((row) => row.key).slice(0, 3)).toEqual(["1000", "600", "598"]);
    expect(new Set(list.rows.map((row) => row.key)).size).toBe(list.rows.length);
  });
});
