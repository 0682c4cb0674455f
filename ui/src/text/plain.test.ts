import { describe, expect, it } from "vitest";
import { initial, plainName, plainText, shortId } from "./plain";

describe("names and texts of others", () => {
  it("keeps a name on one line and without anything unseen", () => {
    expect(plainName(" A\u200Bd\u202Ea\n\u2066 B ")).toBe("Ada B");
  });

  it("keeps names of every script as they are", () => {
    for (const name of ["ליאורה", "محمد علي", "雪子", "Zoë", "Nguyễn", "👩🏽‍🚀".replace("\u200D", "")]) expect(plainName(name)).toBe(name);
  });

  it("cuts a name that does not end", () => {
    expect([...plainName("x".repeat(5_000))]).toHaveLength(80);
  });

  it("takes the first letter that is one", () => {
    expect(initial("«élan»")).toBe("É");
    expect(initial("  ")).toBe("");
    expect(initial("नमस्ते")).toBe("न");
  });

  it("drops control characters and keeps line ends", () => {
    expect(plainText("a\u0000b\r\nc\u0007")).toBe("ab\nc");
  });

  it("shortens an id", () => {
    expect(shortId(`@${"K".repeat(43)}=.ed25519`)).toBe("@KKKKKKKK…");
  });
});
