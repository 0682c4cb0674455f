import { describe, expect, it } from "vitest";
import { destination } from "./links";

const KEY = `${"K".repeat(43)}=`;

describe("where a link leads", () => {
  it("knows people, posts, blobs and channels", () => {
    expect(destination(`@${KEY}.ed25519`)).toEqual({ kind: "person", id: `@${KEY}.ed25519` });
    expect(destination(`%${KEY}.sha256`)).toEqual({ kind: "post", id: `%${KEY}.sha256` });
    expect(destination(`&${KEY}.sha256?unbox=x`)).toEqual({ kind: "blob", id: `&${KEY}.sha256` });
    expect(destination("#hafen_mole")).toEqual({ kind: "channel", name: "hafen_mole" });
  });

  it("reads ssb: links as the ids they stand for", () => {
    const safe = `${"-_".repeat(21)}A=`;
    const plain = `${"+/".repeat(21)}A=`;
    expect(destination(`ssb:message/sha256/${safe}`)).toEqual({ kind: "post", id: `%${plain}.sha256` });
    expect(destination(`ssb://feed/classic/${safe}`)).toEqual({ kind: "person", id: `@${plain}.ed25519` });
    expect(destination("ssb:experimental?action=steal")).toBeNull();
  });

  it("shows the host that a browser would really ask", () => {
    expect(destination("https://bank.example@evil.example/login")).toMatchObject({ host: "evil.example" });
    expect(destination("https://аpple.com")).toMatchObject({ host: "xn--pple-43d.com" });
    expect(destination("http://example.org:8080/x")).toMatchObject({ host: "example.org:8080" });
  });

  it("reads mail addresses", () => {
    expect(destination("mailto:bo@example.org?subject=x")).toMatchObject({ kind: "mail", address: "bo@example.org" });
    expect(destination("mailto:")).toBeNull();
  });
});
