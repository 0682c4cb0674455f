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

/** Words that stand one after the other; the last one of `isPrefix` may go on. */
interface Term {
  words: string[];
  isPrefix: boolean;
}

/** The words of a text, folded, and where they stand. */
function wordsOf(text: string): { word: string; start: number; end: number }[] {
  return [...text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)].map(({ 0: word, index }) => ({ word: plain(word), start: index, end: index + word.length }));
}

/** Whether `words`, from the `at`th on, begin with `term`. */
function isAt({ words: wanted, isPrefix }: Term, words: readonly { word: string }[], at: number): boolean {
  return wanted.every((one, place) => {
    const word = words[at + place]?.word;
    return word === one || (isPrefix && place === wanted.length - 1 && word !== undefined && word.startsWith(one));
  });
}

/** How often `term` stands in `text`. */
function count(term: Term, text: string): number {
  const words = wordsOf(text);
  return words.filter((_, at) => isAt(term, words, at)).length;
}

/** The pieces of `text` around its first match, cut between words; whole words are marked. */
function snippet(text: string, terms: readonly Term[]): SnippetPart[] {
  const line = text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[*_`]|\s+/g, (sign) => (/\s/.test(sign) ? " " : ""));
  const words = wordsOf(line);
  const matches: { start: number; end: number }[] = [];
  words.forEach(({ start }, at) => {
    const length = Math.max(0, ...terms.filter((term) => isAt(term, words, at)).map((term) => term.words.length));
    const end = words[at + length - 1]?.end;
    if (length === 0 || end === undefined) return;
    const before = matches.at(-1);
    if (before && start < before.end) before.end = Math.max(before.end, end);
    else matches.push({ start, end });
  });
  const first = matches[0]?.start ?? 0;
  const from = first <= BEFORE ? 0 : Math.min(first, line.indexOf(" ", first - BEFORE) + 1 || first);
  const space = line.lastIndexOf(" ", from + BEFORE + BEHIND);
  const to = line.length <= from + BEFORE + BEHIND ? line.length : space > first ? space : from + BEFORE + BEHIND;
  const parts: SnippetPart[] = [{ text: from > 0 ? "…" : "", matched: false }];
  let at = from;
  for (const { start, end } of matches.filter((match) => match.end <= to)) {
    parts.push({ text: line.slice(at, start), matched: false }, { text: line.slice(start, end), matched: true });
    at = end;
  }
  parts.push({ text: line.slice(at, to), matched: false }, { text: to < line.length ? "…" : "", matched: false });
  return parts.filter((part) => part.text !== "");
}

/** The words of a query, those in quotes together; while it is typed its last word may go on. */
function termsOf(text: string, typing: boolean): Term[] {
  const said = [...text.matchAll(/"([^"]*)"?|\S+/g)].map(({ 0: whole, 1: quoted }) => ({
    words: wordsOf(quoted ?? whole).map(({ word }) => word),
    isPrefix: typing && text.endsWith(whole) && !whole.endsWith('"'),
  }));
  return said.filter((term) => term.words.length > 0);
}

export function search(query: SearchQuery, posts: readonly Post[], people: readonly Person[]): Found {
  const rest: string[] = [];
  let from = query.from;
  let channel = query.channel;
  for (const word of query.text.split(/\s+/).filter(Boolean)) {
    if (word.startsWith("from:")) from = word.slice(5);
    else if (word.startsWith("#")) channel = word.slice(1);
    else rest.push(word);
  }
  const terms = termsOf(rest.join(" "), query.typing);
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
        return (
          terms.every((term) => count(term, post.text) > 0) &&
          (from === null || is(post.author, from)) &&
          (channel === null || post.channel === channel.replace(/^#/, "")) &&
          (post.time ?? 0) >= after
        );
      });
  const weight = (post: Post): number => terms.reduce((sum, term) => sum + count(term, post.text) / post.text.length, 0);
  if (query.order === "best") hits.sort((a, b) => weight(b) - weight(a));
  const whole = plain(query.text.trim());
  return {
    target,
    people: whole && !pasted ? people.filter((person) => plain(person.name).split(/[ \u05be-]/).some((name) => name.startsWith(whole))).slice(0, 10) : [],
    hits: hits.map(({ id, author, time, root, channel, contentWarning, text }) => ({
      id,
      author,
      time: time ?? 0,
      root,
      channel,
      contentWarning,
      title: null,
      snippet: snippet(text, terms),
    })),
  };
}
