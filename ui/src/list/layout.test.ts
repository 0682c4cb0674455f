import { describe, expect, it } from "vitest";
import { Layout } from "./layout";

function laid(keys: string, estimate = 100, gap = 10): Layout {
  const layout = new Layout(estimate, gap);
  layout.lay([...keys]);
  return layout;
}

describe("where rows lie", () => {
  it("is estimated until a row was measured", () => {
    const layout = laid("abc");
    expect([layout.top(0), layout.top(1), layout.top(2), layout.total]).toEqual([0, 110, 220, 320]);
    expect(layout.measured("a", 40)).toBe(true);
    expect([layout.top(1), layout.bottom(1), layout.total]).toEqual([50, 150, 260]);
    expect(layout.measured("a", 40)).toBe(false);
  });

  it("follows rows that come, go and change places", () => {
    const layout = laid("abc");
    for (const [key, height] of [["a", 10], ["b", 20], ["c", 30]] as const) layout.measured(key, height);
    layout.lay([..."xabc"]);
    expect([layout.top(1), layout.top(2), layout.total]).toEqual([110, 130, 190]);
    layout.lay([..."axc"]);
    expect([layout.top(1), layout.top(2), layout.total]).toEqual([20, 130, 160]);
    layout.lay([..."cba"]);
    expect([layout.top(1), layout.top(2), layout.total]).toEqual([40, 70, 80]);
  });

  it("finds the row at an offset, gaps included, and the nearest where there is none", () => {
    const layout = laid("abc");
    expect([-50, 0, 99, 105, 110, 329, 9_999].map((offset) => layout.at(offset))).toEqual([0, 0, 0, 0, 1, 2, 2]);
    expect(laid("").at(50)).toBe(0);
    expect(laid("").total).toBe(0);
  });

  it("agrees with adding everything up, whatever happened before", () => {
    const layout = new Layout(70, 3);
    const heights = new Map<string, number>();
    let keys: string[] = [];
    let seed = 7;
    const next = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let step = 0; step < 400; step += 1) {
      if (next(3) === 0) {
        keys = [...keys.slice(0, next(keys.length + 1)), `k${step}`, ...keys.slice(next(keys.length + 1))];
        keys = [...new Set(keys)];
        layout.lay(keys);
      } else if (keys.length > 0) {
        const key = keys[next(keys.length)] as string;
        heights.set(key, next(300));
        layout.measured(key, heights.get(key) as number);
      }
      const at = next(keys.length + 1);
      const sum = keys.slice(0, at).reduce((total, key) => total + (heights.get(key) ?? 70) + 3, 0);
      expect(layout.top(at)).toBe(sum);
    }
  });
});
