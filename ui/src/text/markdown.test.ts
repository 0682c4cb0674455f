import { describe, expect, it } from "vitest";
import { read, type Block, type Inline } from "./markdown";

const BO = `@${"b".repeat(43)}=.ed25519`;
const POST = `%${"p".repeat(43)}=.sha256`;
const BLOB = `&${"i".repeat(43)}=.sha256`;

function paragraph(text: string, mentions: Parameters<typeof read>[1] = []): Inline[] {
  const [block] = read(text, mentions);
  return block?.kind === "paragraph" ? block.children : [];
}

function all(blocks: Block[]): (Block | Inline)[] {
  const inline = (one: Inline): Inline[] => ("children" in one ? [one, ...one.children.flatMap(inline)] : [one]);
  return blocks.flatMap((block) => {
    if (block.kind === "paragraph" || block.kind === "heading") return [block, ...block.children.flatMap(inline)];
    if (block.kind === "quote") return [block, ...all(block.children)];
    if (block.kind === "list") return [block, ...block.items.flatMap(all)];
    return [block];
  });
}

function words(blocks: Block[]): string {
  return all(blocks).map((one) => ("text" in one ? one.text : "")).join("");
}

describe("markdown", () => {
  it("reads the marks that people use", () => {
    expect(paragraph("one **two** *three* ~~four~~ `five`")).toEqual([
      { kind: "text", text: "one " },
      { kind: "strong", children: [{ kind: "text", text: "two" }] },
      { kind: "text", text: " " },
      { kind: "emphasis", children: [{ kind: "text", text: "three" }] },
      { kind: "text", text: " " },
      { kind: "strike", children: [{ kind: "text", text: "four" }] },
      { kind: "text", text: " " },
      { kind: "code", text: "five" },
    ]);
  });

  it("keeps line ends as people type them", () => {
    expect(paragraph("one\ntwo").map((one) => one.kind)).toEqual(["text", "break", "text"]);
  });

  it("reads lists, quotes, code and rules", () => {
    expect(read("# a\n\n- b\n\n3. c\n\n> d\n\n```js\ne\n```\n\n---").map((one) => one.kind)).toEqual([
      "heading",
      "list",
      "list",
      "quote",
      "code",
      "rule",
    ]);
    expect(read("3. c")).toMatchObject([{ start: 3 }]);
  });

  it("names a person from the post's mentions, and links inside the window", () => {
    expect(paragraph(`hello ${BO}!`, [{ link: BO, name: "Bo" }])).toEqual([
      { kind: "text", text: "hello " },
      { kind: "link", to: { kind: "person", id: BO }, children: [{ kind: "text", text: "@Bo" }] },
      { kind: "text", text: "!" },
    ]);
    expect(paragraph(`[@Bo](${BO})`)).toMatchObject([{ kind: "link", to: { kind: "person", id: BO } }]);
  });

  it("shows the beginning of an id that nobody names", () => {
    expect(paragraph(POST)).toMatchObject([{ to: { kind: "post", id: POST }, children: [{ text: "%pppppppp…" }] }]);
  });

  it("links channels, but not the # in the middle of a word or address", () => {
    expect(paragraph("see #harbour-walk, C#sharp")).toMatchObject([
      { text: "see " },
      { to: { kind: "channel", name: "harbour-walk" } },
      { text: ", C#sharp" },
    ]);
    expect(all(read("https://example.org/a#b")).filter((one) => one.kind === "link")).toHaveLength(1);
  });

  it("leaves ids in code and in links alone", () => {
    expect(paragraph(`\`${BO}\``)).toEqual([{ kind: "code", text: BO }]);
    expect(paragraph(`[see ${BO}](https://example.org)`)).toMatchObject([
      { kind: "link", to: { kind: "web" }, children: [{ kind: "text", text: `see ${BO}` }] },
    ]);
  });

  it("shows a picture that is a file of ours, and of every other its description", () => {
    expect(paragraph(`![the wall](${BLOB})`)).toEqual([{ kind: "picture", alt: "the wall", blob: BLOB }]);
    expect(paragraph("![spy](https://spy.example/pixel.gif)")).toEqual([{ kind: "picture", alt: "spy", blob: null }]);
    expect(paragraph(`[file](${BLOB})`)).toEqual([{ kind: "picture", alt: "file", blob: null }]);
  });

  it("shows HTML as the text it is", () => {
    for (const html of ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<!-- x -->"]) {
      expect(words(read(html)).trim()).toBe(html);
    }
  });

  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "&#106;avascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg/>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:null/b6c1",
    "tauri://localhost",
    "//evil.example",
    "../../x",
    "http://",
  ])("makes no link of %s", (target) => {
    const found = all(read(`[press](${target}) <${target}> ![see](${target})`));
    expect(found.filter((one) => one.kind === "link")).toEqual([]);
  });

  it("takes out signs that turn the reading direction around", () => {
    expect(words(read("a\u202Egpj.exe\u202C b"))).toBe("agpj.exe b");
  });

  it("cuts towers of combining marks down to three", () => {
    expect(words(read(`Z${"\u0308".repeat(500)}o`))).toBe("Z\u0308\u0308\u0308o");
  });

  it("reads a megabyte on one line in a moment, and shows what one message could hold", () => {
    for (const line of ["a", "*", "[", "`", "> ", "![](", "<", "#a ", `${BO} `, "_*"]) {
      const began = performance.now();
      const read1 = read(line.repeat(1_000_000 / line.length));
      expect(words(read1).length).toBeLessThanOrEqual(16_384);
      expect(performance.now() - began, JSON.stringify(line)).toBeLessThan(1_500);
    }
  });

  it("does not fall over deep nesting", () => {
    const depth = (blocks: Block[]): number =>
      1 + Math.max(0, ...blocks.map((one) => (one.kind === "quote" ? depth(one.children) : one.kind === "list" ? Math.max(...one.items.map(depth)) : 0)));
    expect(depth(read(`${">".repeat(5_000)} deep`))).toBeLessThan(30);
    expect(depth(read("- ".repeat(5_000) + "deep"))).toBeLessThan(60);
  });

  it("reads any nonsense without throwing", () => {
    let state = 7;
    const signs = ["*", "_", "`", "[", "](", ")", "!", "<", ">", "#", "\n", " ", "&", "%", "@", "~~", "\\", "a", "é", "\u202E", "\uD800", "http://x.y", "- ", "1. "];
    for (let round = 0; round < 400; round += 1) {
      const text = Array.from({ length: 60 }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return signs[(state >>> 8) % signs.length];
      }).join("");
      expect(() => read(text), JSON.stringify(text)).not.toThrow();
    }
  });
});
