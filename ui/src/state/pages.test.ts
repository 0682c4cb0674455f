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

/** A list over a store that fails while `broken()`, and what it told of failures. */
function fragile(store: Store, broken: () => boolean): { list: Pages<number>; failures: unknown[] } {
  const failures: unknown[] = [];
  const read = (from: string | null) => (broken() ? Promise.reject(new Error("the disk hiccups")) : store.read(from));
  return { list: new Pages(read, String, (thrown) => failures.push(thrown), { estimate: 10, gap: 0 }), failures };
}

describe("a list that is read in pages", () => {
  it("has not ended where a page could not be read, tells it once, and reads on when one scrolls or asks", async () => {
    const store = new Store(even(100));
    let broken = false;
    const { list, failures } = fragile(store, () => broken);
    await list.begin();
    broken = true;
    for (const at of [25, 26, 27]) {
      list.see(at, at);
      await vi.waitFor(() => expect(list.stuck).toBe(true));
      await Promise.resolve();
    }
    expect(failures).toHaveLength(1);
    expect([list.ended, list.rows.length]).toEqual([false, 30]);
    broken = false;
    // Drawn anew at the same place: nothing is asked.
    list.see(27, 27);
    await new Promise((done) => setTimeout(done));
    expect(list.rows).toHaveLength(30);
    list.see(28, 28);
    await vi.waitFor(() => expect(list.rows).toHaveLength(60));
    expect(list.stuck).toBe(false);
    broken = true;
    list.see(50, 50);
    await vi.waitFor(() => expect(list.stuck).toBe(true));
    broken = false;
    await list.retry();
    expect([list.stuck, list.rows.length]).toEqual([false, 90]);
  });

  it("keeps the places of a page that could not be read again", async () => {
    const store = new Store(even(1_500));
    let broken = false;
    const { list } = fragile(store, () => broken);
    await list.begin();
    await scroll(list, 1_400);
    const keys = list.rows.map((row) => row.key);
    broken = true;
    list.see(700, 705);
    await vi.waitFor(() => expect(list.stuck).toBe(true));
    expect(list.rows.map((row) => row.key)).toEqual(keys);
    broken = false;
    await list.retry();
    expect(list.rows.map((row) => row.key)).toEqual(keys);
    expect(list.rows[700]).toEqual({ key: "1600", value: 1600 });
  });

  it("begins again where even the first page could not be read", async () => {
    let broken = true;
    const { list } = fragile(new Store(even(10)), () => broken);
    await list.begin();
    expect([list.ready, list.stuck]).toEqual([false, true]);
    broken = false;
    await list.retry();
    expect([list.ready, list.stuck, list.rows.length]).toEqual([true, false, 10]);
  });

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
