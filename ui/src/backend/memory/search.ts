/** Search in the world in memory: as the app does it, as far as a little world needs it. */
import { destination } from "../../text/links";
import type { Person, Post, SearchHit, SearchQuery, SnippetPart, Target } from "../backend";

export interface Found {
  target: Target | null;
  people: Person[];
  hits: SearchHit[];
}

/** Units of a snippet before and behind the first match. */
const BEFORE = 60;
const BEHIND = 180;

const plain = (text: string): string => text.toLocaleLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

/** The pieces of `text` around its first match. */
function snippet(text: string, words: readonly string[]): SnippetPart[] {
  const line = text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[*_`]|\s+/g, (sign) => (/\s/.test(sign) ? " " : ""));
  const wanted = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const first = wanted ? plain(line).search(new RegExp(wanted, "u")) : 0;
  const start = Math.max(0, first - BEFORE);
  const part = `${start > 0 ? "…" : ""}${line.slice(start, start + BEFORE + BEHIND)}${start + BEFORE + BEHIND < line.length ? "…" : ""}`;
  if (!wanted) return [{ text: part, matched: false }];
  return part.split(new RegExp(`(${wanted})`, "iu")).map((text, at) => ({ text, matched: at % 2 === 1 })).filter(({ text }) => text !== "");
}

export function search(query: SearchQuery, posts: readonly Post[], people: readonly Person[]): Found {
  const words: string[] = [];
  let from = query.from;
  let channel = query.channel;
  for (const word of query.text.trim().split(/\s+/).filter(Boolean)) {
    if (word.startsWith("from:")) from = word.slice(5);
    else if (word.startsWith("#")) channel = word.slice(1);
    else words.push(plain(word.replaceAll('"', "")));
  }
  const pasted = destination(query.text);
  const isHere = (id: string): boolean => [...posts, ...people].some((thing) => thing.id === id);
  const target: Target | null =
    pasted?.kind === "post" && isHere(pasted.id)
      ? { kind: "thread", id: pasted.id }
      : pasted?.kind === "person" && isHere(pasted.id)
        ? { kind: "person", id: pasted.id }
        : null;
  const is = (person: Person, said: string): boolean => person.id === said || plain(person.name).startsWith(plain(said));
  const after = query.after === null ? -Infinity : Date.parse(query.after);
  const hits = pasted
    ? []
    : posts.filter((post) => {
        const text = plain(post.text);
        return (
          words.every((word) => text.includes(word)) &&
          (from === null || is(post.author, from)) &&
          (channel === null || post.channel === channel.replace(/^#/, "")) &&
          (post.time ?? 0) >= after
        );
      });
  const weight = (post: Post): number => words.reduce((sum, word) => sum + plain(post.text).split(word).length / post.text.length, 0);
  if (query.order === "best") hits.sort((a, b) => weight(b) - weight(a));
  const whole = plain(query.text.trim());
  return {
    target,
    people: whole && !pasted ? people.filter((person) => plain(person.name).split(" ").some((name) => name.startsWith(whole))).slice(0, 10) : [],
    hits: hits.map(({ id, author, time, root, channel, contentWarning, text }) => ({
      id,
      author,
      time: time ?? 0,
      root,
      channel,
      contentWarning,
      title: null,
      snippet: snippet(text, words),
    })),
  };
}
