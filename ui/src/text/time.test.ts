import { describe, expect, it } from "vitest";
import { ago, exactly, machineTime } from "./time";

const now = new Date(2026, 10, 21, 15, 30).getTime();
const minutes = (count: number): number => now - count * 60_000;

describe("times in words", () => {
  it.each([
    [now, "just now"],
    [now + 5_000, "just now"],
    [minutes(1), "1 minute ago"],
    [minutes(12), "12 minutes ago"],
    [minutes(59.6), "1 hour ago"],
    [minutes(3 * 60), "3 hours ago"],
    [new Date(2026, 10, 20, 9).getTime(), "yesterday"],
    [new Date(2026, 10, 18, 9).getTime(), "3 days ago"],
    [new Date(2026, 8, 3).getTime(), "September 3"],
    [new Date(2023, 0, 9).getTime(), "January 9, 2023"],
  ])("%d is %s", (time, words) => {
    expect(ago(time, now)).toBe(words);
  });

  it("says so when a time cannot be read", () => {
    for (const time of [null, Number.NaN, Number.POSITIVE_INFINITY, 1e300, -1e300]) {
      expect(ago(time, now)).toBe("at an unknown time");
      expect(exactly(time)).toBe("at an unknown time");
      expect(machineTime(time)).toBeUndefined();
    }
  });
});
