import { describe, expect, it } from "vitest";
import type { Backend, Change } from "../backend/backend";
import { Pictures } from "./pictures.svelte";

function heard(): { pictures: Pictures; tell: (change: Change) => void } {
  let listener: (change: Change) => void = () => {};
  const backend = { onChange: (heard: (change: Change) => void) => ((listener = heard), () => {}) } as Partial<Backend> as Backend;
  const pictures = new Pictures(backend);
  pictures.start();
  return { pictures, tell: (change) => listener(change) };
}

describe("pictures that come", () => {
  it("begin a new turn each time, each by itself", () => {
    const { pictures, tell } = heard();
    expect(pictures.turn("&a")).toBe(0);
    tell({ kind: "blob", id: "&a" });
    tell({ kind: "blob", id: "&a" });
    tell({ kind: "timeline" });
    expect([pictures.turn("&a"), pictures.turn("&b")]).toEqual([2, 0]);
  });

  it("are forgotten when there are very many, the oldest first", () => {
    const { pictures, tell } = heard();
    for (let n = 0; n < 600; n++) tell({ kind: "blob", id: `&${n}` });
    expect([pictures.turn("&0"), pictures.turn("&599")]).toEqual([0, 1]);
  });
});
