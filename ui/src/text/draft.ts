/**
 * Drafts that outlive a crash: kept under the place they were written for, at every keystroke.
 * And how much of a message's room a text takes.
 */

/** Where drafts are kept; `localStorage` in the window. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export interface KeptDraft {
  text: string;
  channel: string | null;
}

const PREFIX = "periwinkle.draft.";

/** What was being written in `place` (`timeline`, a thread's id, …), or nothing. */
export function keptDraft(shelf: Shelf, place: string): KeptDraft {
  const empty: KeptDraft = { text: "", channel: null };
  try {
    const kept: unknown = JSON.parse(shelf.getItem(PREFIX + place) ?? "null");
    if (typeof kept !== "object" || kept === null || !("text" in kept) || typeof kept.text !== "string") return empty;
    const channel = "channel" in kept && typeof kept.channel === "string" ? kept.channel : null;
    return { text: kept.text, channel };
  } catch {
    // Unreadable, or a shelf that is switched off: begin anew.
    return empty;
  }
}

/** Keeps a draft; an empty one is put away. A full shelf loses only the safety, never the text on the screen. */
export function keepDraft(shelf: Shelf, place: string, draft: KeptDraft): void {
  try {
    if (draft.text === "" && draft.channel === null) shelf.removeItem(PREFIX + place);
    else shelf.setItem(PREFIX + place, JSON.stringify(draft));
  } catch {
    // See above.
  }
}

/**
 * Room for the text in one message. The classic format allows 8,192 UTF-16 units for the whole signed JSON text;
 * previous, author, signature and the links of a reply take up to 700 of them. The app has the last word (`tooLong`).
 */
export const ROOM = 7_492;
/** From here on, the composer says how much is left. */
export const NEAR_THE_LIMIT = 600;

/** Units of room that `text` takes: as a JSON string, where quotes, backslashes and line ends take two. */
export function taken(text: string): number {
  return JSON.stringify(text).length - 2;
}

/** Units that are left for more text; negative where it is too long. */
export function left(text: string): number {
  return ROOM - taken(text);
}

/** A channel's name as it is published: no `#`, no spaces, lower case as the classic clients write it; null for none. */
export function channelName(typed: string): string | null {
  const name = typed.toLocaleLowerCase("en").replace(/[^\p{L}\p{N}\p{M}_-]/gu, "").slice(0, 60);
  return name === "" ? null : name;
}
