import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryBackend } from "../backend/memory/memory";
import { Attention } from "./attention";

describe("attention", () => {
  let backend: MemoryBackend;
  let stop: () => void;
  let focused = true;

  beforeEach(() => {
    vi.useFakeTimers();
    focused = true;
    vi.spyOn(document, "hasFocus").mockImplementation(() => focused);
    backend = new MemoryBackend({ me: null });
    stop = new Attention(backend).start();
  });

  afterEach(() => {
    stop();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  const move = () => window.dispatchEvent(new Event("pointermove"));

  it("begins with the window and lasts as long as somebody does something", () => {
    expect(backend.attended).toEqual([true]);
    for (let minute = 0; minute < 10; minute++) {
      vi.advanceTimersByTime(60_000);
      move();
    }
    expect(backend.attended).toEqual([true]);
    vi.advanceTimersByTime(119_000);
    expect(backend.attended).toEqual([true]);
    vi.advanceTimersByTime(2_000);
    expect(backend.attended).toEqual([true, false]);
    move();
    expect(backend.attended).toEqual([true, false, true]);
  });

  it("ends at once when another window is chosen, and does not begin without being chosen", () => {
    focused = false;
    window.dispatchEvent(new Event("blur"));
    expect(backend.attended).toEqual([true, false]);
    move();
    expect(backend.attended).toEqual([true, false]);
    focused = true;
    window.dispatchEvent(new Event("focus"));
    expect(backend.attended).toEqual([true, false, true]);
  });

  it("ends with the window", () => {
    stop();
    expect(backend.attended).toEqual([true, false]);
    move();
    expect(backend.attended).toEqual([true, false]);
  });

  it("says again what was not heard", async () => {
    vi.spyOn(backend, "attend").mockRejectedValueOnce(new Error("closing"));
    window.dispatchEvent(new Event("blur"));
    await vi.advanceTimersByTimeAsync(0);
    window.dispatchEvent(new Event("blur"));
    expect(backend.attended).toEqual([true, false]);
  });
});
