/** One timeline: newest first. What arrives is counted beside the list; the list itself never jumps. */
import { SvelteMap } from "svelte/reactivity";
import type { Audience, Backend, Card, Post, Unsubscribe } from "../backend/backend";
import { coalesce } from "./coalesce";
import { like } from "./like";
import { Pages, type Row } from "./pages.svelte";
import type { Toasts } from "./toasts.svelte";

/** Cards a page. */
const PAGE = 30;
/** Replies that a card shows, as `Card.latest` has them. */
const ROLLED_UP = 2;
/** At most one reading every so many milliseconds, however fast posts pour in. */
const READING_GAP = 400;
/** What a card is taken for until it was measured, and the room between two, in pixels. */
const MEASURES = { estimate: 178, gap: 14 };

/** What stands first in a card's order: a card with a new reply has come up and counts as new. */
function newest(card: Card): string {
  return card.latest.at(-1)?.id ?? card.post.id;
}

/** What the reader wrote is no news to them. */
function isMine(card: Card): boolean {
  return (card.latest.at(-1) ?? card.post).author.relation === "me";
}

/** Whether nothing that is shown differs. */
function same(a: Card, b: Card): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export class Timeline {
  /** How many cards are new or have come up since the list was last shown. */
  arrived = $state(0);
  /** The posts that are being answered within their cards, by the card's first post: a card far out of sight is not in the page. */
  readonly answering = new SvelteMap<string, Post>();

  readonly pages: Pages<Card>;
  private stop: Unsubscribe | null = null;
  private readonly peekSoon = coalesce(() => this.peek(), READING_GAP);

  constructor(
    private readonly backend: Backend,
    private readonly toasts: Toasts,
    readonly audience: Audience,
  ) {
    this.pages = new Pages(
      async (from) => {
        const { cards, next } = await backend.timeline(audience, from, PAGE);
        if (from === null) this.arrived = 0;
        return { values: cards, next };
      },
      (card) => card.post.id,
      (failure) => toasts.fail(failure),
      MEASURES,
    );
  }

  /** The rows of the list; one whose page was let go of has no card. */
  get rows(): readonly Row<Card>[] {
    return this.pages.rows;
  }

  /** The cards that are held. */
  get cards(): Card[] {
    return this.pages.values;
  }

  /** Whether the first page was read. */
  get ready(): boolean {
    return this.pages.ready;
  }

  /** Whether the last page was read. */
  get ended(): boolean {
    return this.pages.ended;
  }

  /** Follows changes; ends with the returned function. What was read stays. */
  start(): Unsubscribe {
    if (this.ready) this.peekSoon();
    else void this.refresh();
    this.stop ??= this.backend.onChange((change) => {
      if (change.kind === "timeline" || change.kind === "person") this.peekSoon();
      if (change.kind === "nearby" && this.audience.kind === "nearby") this.peekSoon();
    });
    return () => {
      this.stop?.();
      this.stop = null;
    };
  }

  /** Shows the newest. */
  async refresh(): Promise<void> {
    await this.pages.begin();
  }

  async like(id: string, on: boolean): Promise<void> {
    await like(this.backend, this.toasts, (id, on) => this.mark(id, on), id, on);
  }

  /** Counts what has arrived; likes, names and replies' numbers of shown cards are brought up to date in place. */
  private async peek(): Promise<void> {
    if (!this.ready || this.rows.length === 0) return this.refresh();
    try {
      const page = await this.backend.timeline(this.audience, null, PAGE);
      const shown = new Set(this.cards.map(newest));
      const read = new Map(page.cards.map((card) => [newest(card), card]));
      this.pages.change((card) => {
        const again = read.get(newest(card));
        return again && !same(again, card) ? again : card;
      });
      this.dropPassed(page.cards);
      this.arrived = page.cards.filter((card) => !shown.has(newest(card)) && !isMine(card)).length;
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  /** What a stranger wrote goes with them. `newest` are the newest cards there are: of what would stand among them, all are there. */
  private dropPassed(newest: readonly Card[]): void {
    const there = new Set(newest.map((card) => card.post.id));
    const oldest = Math.min(...newest.map((card) => card.post.time ?? 0));
    const isGone = (card: Card): boolean =>
      card.passing && !there.has(card.post.id) && (newest.length === 0 || (card.post.time ?? 0) >= oldest);
    if (this.cards.some(isGone)) this.pages.keep((card) => !isGone(card));
  }

  /** Brings one card up to date after the reader answered in it: nothing else moves, and older pages stay. */
  async settle(id: string): Promise<void> {
    try {
      const { root, entries } = await this.backend.thread(id);
      const posts = entries.flatMap((entry) => (entry.kind === "post" ? [entry.value] : []));
      const first = posts.find((post) => post.id === root);
      const latest = posts.filter((post) => post.id !== root).slice(-ROLLED_UP);
      this.pages.change((card) => (card.post.id === id ? { ...card, post: first ?? card.post, latest } : card));
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  private mark(id: string, on: boolean): void {
    this.pages.change((card) => {
      if (card.post.id !== id || card.post.liked === on) return card;
      return { ...card, post: { ...card.post, liked: on, likes: Math.max(0, card.post.likes + (on ? 1 : -1)) } };
    });
  }
}
