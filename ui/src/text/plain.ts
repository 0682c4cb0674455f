/**
 * What is taken out of other people's texts before they are shown: signs that would change text outside of themselves,
 * or stack so high that they cover their neighbours. What was signed stays as it is; this is only about showing it.
 */

/** Embeddings and overrides of direction (UAX #9, 2.1 and 2.2): they can make a name or a link read as another. */
const OVERRIDES = /[\u202A-\u202E]/gu;
/** Every control of direction, and other signs that cannot be seen: for names, which stand among our own words. */
// eslint-disable-next-line no-misleading-character-class
const UNSEEN = /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]|[\u{E0000}-\u{E0FFF}]/gu;
/** Control characters that no text needs, apart from tab and line feed. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/gu;
/** More than three combining marks on one letter: no living script wants them from these blocks. */
const STACKS = /([\u0300-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE20-\uFE2F]{3})[\u0300-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE20-\uFE2F]+/gu;

/** The longest name that is shown, in characters. */
const NAME_LIMIT = 80;

/** A body of text, fit to stand in its own block. */
export function plainText(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(CONTROLS, "").replace(OVERRIDES, "").replace(STACKS, "$1");
}

/** A name, fit to stand in a sentence of ours: one line, nothing unseen, not endless. */
export function plainName(name: string): string {
  const shown = name.replace(/\s/gu, " ").replace(UNSEEN, "").replace(/ +/g, " ").replace(STACKS, "$1").trim();
  const letters = [...shown];
  return letters.length > NAME_LIMIT ? `${letters.slice(0, NAME_LIMIT - 1).join("")}…` : shown;
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The first letter of a name, upper case, for a round picture; nothing where the name has no letter. */
export function initial(name: string): string {
  for (const { segment } of graphemes.segment(plainName(name))) {
    if (/[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(segment)) return segment.toLocaleUpperCase();
  }
  return "";
}

/** `@MXUhnRl7…`: the beginning of an id, for where there is no name. */
export function shortId(id: string): string {
  return id.length > 12 ? `${id.slice(0, 9)}…` : id;
}
