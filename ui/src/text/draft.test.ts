import { beforeEach, describe, expect, it } from "vitest";
import { channelName, keepDraft, keptDraft, left, ROOM, taken, type Shelf } from "./draft";

const empty = { text: "", channel: null };

describe("drafts", () => {
  beforeEach(() => localStorage.clear());

  it("come back for the place they were written for", () => {
    keepDraft(localStorage, "timeline", { text: "half a thou", channel: "harbour" });
    keepDraft(localStorage, "reply.x", { text: "no", channel: null });
    expect(keptDraft(localStorage, "timeline")).toEqual({ text: "half a thou", channel: "harbour" });
    expect(keptDraft(localStorage, "reply.y")).toEqual(empty);
  });

  it("are put away once they are empty", () => {
    keepDraft(localStorage, "timeline", { text: "x", channel: null });
    keepDraft(localStorage, "timeline", empty);
    expect(localStorage.length).toBe(0);
  });

  it("survive nonsense on the shelf, and a shelf that refuses", () => {
    for (const nonsense of ["{", "null", "[]", '{"text":5}', '"x"']) {
      localStorage.setItem("periwinkle.draft.timeline", nonsense);
      expect(keptDraft(localStorage, "timeline")).toEqual(empty);
    }
    const broken: Shelf = {
      getItem: () => {
        throw new Error("switched off");
      },
      setItem: () => {
        throw new Error("full");
      },
      removeItem: () => undefined,
    };
    expect(keptDraft(broken, "timeline")).toEqual(empty);
    expect(() => keepDraft(broken, "timeline", { text: "x", channel: null })).not.toThrow();
  });
});

describe("room in a message", () => {
  it("counts what the text takes in the signed message", () => {
    expect(taken("abc")).toBe(3);
    expect(taken('"\n\\')).toBe(6);
    expect(taken("🐚")).toBe(2);
    expect(left("")).toBe(ROOM);
    expect(left("\n".repeat(ROOM))).toBeLessThan(0);
  });

  it("makes a channel's name of what was typed", () => {
    expect(channelName(" #Harbour Walk! ")).toBe("harbourwalk");
    expect(channelName("###")).toBeNull();
    expect(channelName("Größe_1")).toBe("größe_1");
  });
});
