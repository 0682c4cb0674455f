/**
 * Markdown to a small tree of our own. Parts draw the tree with Svelte elements, so no text of others is ever read as
 * HTML: what is not in this tree cannot reach the page.
 *
 * Parsed by markdown-it with HTML off. Of pictures only those that are files of ours are shown, the others become their description;
 * addresses are read by `links.ts`.
 */
import MarkdownIt from "markdown-it";
import type { Mention } from "../backend/backend";
import { destination, type Destination } from "./links";
import { plainName, plainText } from "./plain";

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "break" }
  | { kind: "strong" | "emphasis" | "strike"; children: Inline[] }
  | { kind: "link"; to: Destination; children: Inline[] }
  /** A file, or a picture from elsewhere. `blob` is the id of one that is to be shown. */
  | { kind: "picture"; alt: string; blob: string | null };

export type Block =
  | { kind: "paragraph"; children: Inline[] }
  | { kind: "heading"; level: number; children: Inline[] }
  | { kind: "quote"; children: Block[] }
  | { kind: "list"; start: number | null; items: Block[][] }
  | { kind: "code"; text: string }
  | { kind: "rule" };

/** A signed message holds at most 8,192 units; anything longer is not from a message, so it is cut. */
const TEXT_LIMIT = 16_384;
/** How deep quotes, lists and emphasis may nest before the rest is left out. */
const DEPTH_LIMIT = 24;

type Token = ReturnType<MarkdownIt["parse"]>[number];

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true, typographer: false });
Object.assign(markdown.options, { maxNesting: DEPTH_LIMIT });
markdown.disable(["table", "reference"]);
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
markdown.validateLink = (target) => destination(target) !== null || /^https?:|^&/i.test(target);
// Ids hold `%`, `+` and `/`: they must come out as they went in.
markdown.normalizeLink = (target) => target;

/** Ids and channels that stand bare in a text. An id ends where its suffix ends; a channel begins after a space. */
const BARE = /([@%&][A-Za-z0-9+/]{43}=\.(?:ed25519|sha256))|(?<![\p{L}\p{N}\p{M}_&/#])(#[\p{L}\p{N}\p{M}_-]{1,60})/gu;

/** Reads a post's text. `mentions` name the ids in it. Never throws; nonsense comes out as plain text. */
export function read(text: string, mentions: readonly Mention[] = []): Block[] {
  const source = plainText(text.slice(0, TEXT_LIMIT));
  const names = new Map(mentions.map(({ link, name }) => [link, plainName(name)]));
  return blocks(new Cursor(markdown.parse(source, {})), names);
}

/** Walks markdown-it's flat list of tokens; `close` ends the level that is being read. */
class Cursor {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  /** The next token of this level, or null at its end (whose closing token is then behind us). */
  next(): Token | null {
    const token = this.tokens[this.at++];
    return token === undefined || token.nesting === -1 ? null : token;
  }
}

function blocks(cursor: Cursor, names: Map<string, string>): Block[] {
  const read: Block[] = [];
  for (let token = cursor.next(); token !== null; token = cursor.next()) {
    switch (token.type) {
      case "paragraph_open":
        read.push({ kind: "paragraph", children: inlineOf(cursor, names) });
        break;
      case "heading_open":
        read.push({ kind: "heading", level: Number(token.tag.slice(1)) || 1, children: inlineOf(cursor, names) });
        break;
      case "blockquote_open":
        read.push({ kind: "quote", children: blocks(cursor, names) });
        break;
      case "bullet_list_open":
        read.push({ kind: "list", start: null, items: items(cursor, names) });
        break;
      case "ordered_list_open":
        read.push({ kind: "list", start: Number(token.attrGet("start") ?? 1), items: items(cursor, names) });
        break;
      case "fence":
      case "code_block":
        read.push({ kind: "code", text: token.content.replace(/\n$/, "") });
        break;
      case "hr":
        read.push({ kind: "rule" });
        break;
      case "inline":
        read.push({ kind: "paragraph", children: inlines(new Cursor(token.children ?? []), names, false) });
        break;
      default:
        if (token.nesting === 1) read.push(...blocks(cursor, names));
        else if (token.content) read.push({ kind: "paragraph", children: [{ kind: "text", text: token.content }] });
    }
  }
  return read;
}

function items(cursor: Cursor, names: Map<string, string>): Block[][] {
  const read: Block[][] = [];
  for (let token = cursor.next(); token !== null; token = cursor.next()) {
    if (token.nesting === 1) read.push(blocks(cursor, names));
  }
  return read;
}

/** The one inline token between the opening and the closing of a paragraph or heading. */
function inlineOf(cursor: Cursor, names: Map<string, string>): Inline[] {
  const read: Inline[] = [];
  for (let token = cursor.next(); token !== null; token = cursor.next()) {
    read.push(...inlines(new Cursor(token.children ?? []), names, false));
  }
  return read;
}

function inlines(cursor: Cursor, names: Map<string, string>, inLink: boolean): Inline[] {
  const read: Inline[] = [];
  for (let token = cursor.next(); token !== null; token = cursor.next()) {
    switch (token.type) {
      case "text":
      case "text_special":
        read.push(...(inLink ? literal(token.content) : bare(token.content, names)));
        break;
      case "code_inline":
        read.push({ kind: "code", text: token.content });
        break;
      case "softbreak":
      case "hardbreak":
        read.push({ kind: "break" });
        break;
      case "strong_open":
        read.push({ kind: "strong", children: inlines(cursor, names, inLink) });
        break;
      case "em_open":
        read.push({ kind: "emphasis", children: inlines(cursor, names, inLink) });
        break;
      case "s_open":
        read.push({ kind: "strike", children: inlines(cursor, names, inLink) });
        break;
      case "link_open": {
        const to = destination(String(token.attrGet("href") ?? ""));
        const children = inlines(cursor, names, true);
        if (to === null) read.push(...children);
        else read.push(linked(to, children.length > 0 ? children : [{ kind: "text", text: nameFor(to, names) }]));
        break;
      }
      case "image":
        read.push({ kind: "picture", alt: plainName(token.content), blob: blobOf(String(token.attrGet("src") ?? "")) });
        break;
      default:
        if (token.nesting === 1) read.push(...inlines(cursor, names, inLink));
        else read.push(...literal(token.content));
    }
  }
  return read;
}

/** The file that a picture's address names; null for every other address. */
function blobOf(address: string): string | null {
  const to = destination(address);
  return to?.kind === "blob" ? to.id : null;
}

/** A blob has no page of its own: it is named, and leads nowhere. */
function linked(to: Destination, children: Inline[]): Inline {
  return to.kind === "blob" ? { kind: "picture", alt: children.map(textOf).join(""), blob: null } : { kind: "link", to, children };
}

function textOf(inline: Inline): string {
  if ("text" in inline) return inline.text;
  return "children" in inline ? inline.children.map(textOf).join("") : "";
}

function literal(text: string): Inline[] {
  return text === "" ? [] : [{ kind: "text", text }];
}

/** Splits a plain run at the ids and channels in it. */
function bare(text: string, names: Map<string, string>): Inline[] {
  const read: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(BARE)) {
    const to = destination(match[0]);
    if (to === null) continue;
    read.push(...literal(text.slice(end, match.index)));
    read.push(linked(to, [{ kind: "text", text: nameFor(to, names) }]));
    end = match.index + match[0].length;
  }
  return [...read, ...literal(text.slice(end))];
}

/** What a bare id shows: the name that the post gave, else the beginning of the id. */
function nameFor(to: Destination, names: Map<string, string>): string {
  switch (to.kind) {
    case "person": {
      const name = names.get(to.id);
      return name ? `@${name.replace(/^@/, "")}` : `${to.id.slice(0, 9)}…`;
    }
    case "post":
    case "blob":
      return names.get(to.id) || `${to.id.slice(0, 9)}…`;
    case "channel":
      return `#${to.name}`;
    default:
      return to.href;
  }
}
