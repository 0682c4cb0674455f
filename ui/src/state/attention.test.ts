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

  /** What was told, once it was. */
  const told = async () => {
    await vi.advanceTimersByTimeAsync(0);
    return backend.attended;
  };
  const move = () => window.dispatchEvent(new Event("pointermove"));

  it("begins with the window and lasts as long as somebody does something", async () => {
    expect(await told()).toEqual([true]);
    for (let minute = 0; minute < 10; minute++) {
      vi.advanceTimersByTime(60_000);
      move();
    }
    expect(await told()).toEqual([true]);
    vi.advanceTimersByTime(119_000);
    expect(await told()).toEqual([true]);
    vi.advanceTimersByTime(2_000);
    expect(await told()).toEqual([true, false]);
    move();
    expect(await told()).toEqual([true, false, true]);
  });

  it("ends at once when another window is chosen, and does not begin without being chosen", async () => {
    focused = false;
    window.dispatchEvent(new Event("blur"));
    expect(await told()).toEqual([true, false]);
    move();
    expect(await told()).toEqual([true, false]);
    focused = true;
    window.dispatchEvent(new Event("focus"));
    expect(await told()).toEqual([true, false, true]);
  });

  it("says at the start that nobody is here, where that is so", async () => {
    stop();
    await told();
    focused = false;
    backend.attended.length = 0;
    stop = new Attention(backend).start();
    expect(await told()).toEqual([false]);
  });

  it("ends with the window", async () => {
    stop();
    expect(await told()).toEqual([true, false]);
    move();
    expect(await told()).toEqual([true, false]);
  });

  it("says again what was not heard", async () => {
    vi.spyOn(backend, "attend").mockRejectedValueOnce(new Error("closing"));
    window.dispatchEvent(new Event("blur"));
    await told();
    window.dispatchEvent(new Event("blur"));
    expect(await told()).toEqual([true, false]);
  });
});
