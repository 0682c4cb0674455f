import { render } from "@testing-library/svelte";
import { createRawSnippet, tick } from "svelte";
import { beforeEach, expect, it, vi } from "vitest";
import { Layout } from "./layout";
import VirtualList from "./VirtualList.svelte";

const row = createRawSnippet<[string, number]>((text) => ({ render: () => `<p>${text()}</p>` }));
const texts = (count: number): string[] => Array.from({ length: count }, (_, at) => `row ${at}`);
const frame = (): Promise<unknown> => new Promise((next) => requestAnimationFrame(next));

/** A list of rows of 100 pixels in a window of 768. */
function list(rows: string[]) {
  const target = document.body.appendChild(document.createElement("div"));
  target.dataset.scroller = "";
  const props = { rows, keyOf: (text: string) => text, layout: new Layout(100), label: "Rows", row };
  const { rerender } = render(VirtualList<string>, { target, props });
  return { drawn: () => target.querySelectorAll("[data-row]").length, show: (rows: string[]) => rerender({ rows }) };
}

beforeEach(() => document.body.replaceChildren());

it("draws what is in sight at once, and what is near a little in each frame", async () => {
  const { drawn } = list(texts(500));
  await tick();
  const counts = [drawn()];
  for (let at = 0; at < 12; at += 1) {
    await frame();
    await tick();
    counts.push(drawn());
  }
  // Those in sight, begin to end, and two ahead.
  expect(counts[0]).toBe(8 + 2);
  counts.slice(1).forEach((count, at) => expect(count - (counts[at] as number)).toBeLessThanOrEqual(2));
  expect(counts.at(-1)).toBe(15);
});

it("does not measure rows again that stay", async () => {
  const { drawn, show } = list(texts(500));
  for (let at = 0; at < 12; at += 1) await frame();
  await tick();
  const [observed, measured] = [vi.spyOn(ResizeObserver.prototype, "observe"), vi.spyOn(HTMLLIElement.prototype, "getBoundingClientRect")];
  const before = drawn();
  await show(texts(600));
  await frame();
  expect(drawn()).toBe(before);
  expect(observed).not.toHaveBeenCalled();
  expect(measured).not.toHaveBeenCalled();
});
