/** One timeline: newest first. What arrives is counted beside the list; the list itself never jumps. */
import type { Audience, Backend, Card, Unsubscribe } from "../backend/backend";
import { coalesce } from "./coalesce";
import { like } from "./like";
import type { Toasts } from "./toasts.svelte";

/** Cards a page. */
const PAGE = 30;
/** Replies that a card shows, as `Card.latest` has them. */
const ROLLED_UP = 2;
/** At most one reading every so many milliseconds, however fast posts pour in. */
const READING_GAP = 250;

/** What stands first in a card's order: a card with a new reply has come up and counts as new. */
function newest(card: Card): string {
  return card.latest.at(-1)?.id ?? card.post.id;
}

/** What the reader wrote is no news to them. */
function isMine(card: Card): boolean {
  return (card.latest.at(-1) ?? card.post).author.relation === "me";
}

export class Timeline {
  /** What is shown. */
  cards = $state.raw<Card[]>([]);
  /** Whether the first page was read. */
  ready = $state(false);
  /** Whether the last page was read. */
  ended = $state(false);
  readingOlder = $state(false);
  /** How many cards are new or have come up since the list was last shown. */
  arrived = $state(0);

  private next: string | null = null;
  private stop: Unsubscribe | null = null;
  private readonly peekSoon = coalesce(() => this.peek(), READING_GAP);

  constructor(
    private readonly backend: Backend,
    private readonly toasts: Toasts,
    readonly audience: Audience,
  ) {}

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
    try {
      const page = await this.backend.timeline(this.audience, null, PAGE);
      this.cards = page.cards;
      this.next = page.next;
      this.ended = page.next === null;
      this.arrived = 0;
      this.ready = true;
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  /** Appends the next older page. */
  async older(): Promise<void> {
    if (!this.ready || this.ended || this.readingOlder) return;
    this.readingOlder = true;
    try {
      const page = await this.backend.timeline(this.audience, this.next, PAGE);
      const shown = new Set(this.cards.map((card) => card.post.id));
      this.cards = [...this.cards, ...page.cards.filter((card) => !shown.has(card.post.id))];
      this.next = page.next;
      this.ended = page.next === null;
    } catch (failure) {
      this.toasts.fail(failure);
      this.ended = true;
    } finally {
      this.readingOlder = false;
    }
  }

  async like(id: string, on: boolean): Promise<void> {
    await like(this.backend, this.toasts, (id, on) => this.mark(id, on), id, on);
  }

  /** Counts what has arrived; likes, names and replies' numbers of shown cards are brought up to date in place. */
  private async peek(): Promise<void> {
    if (!this.ready || this.cards.length === 0) return this.refresh();
    try {
      const page = await this.backend.timeline(this.audience, null, PAGE);
      const shown = new Map(this.cards.map((card) => [newest(card), card]));
      const read = new Map(page.cards.map((card) => [newest(card), card]));
      this.cards = this.cards.map((card) => read.get(newest(card)) ?? card);
      this.arrived = page.cards.filter((card) => !shown.has(newest(card)) && !isMine(card)).length;
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  /** Brings one card up to date after the reader answered in it: nothing else moves, and older pages stay. */
  async settle(id: string): Promise<void> {
    try {
      const { root, entries } = await this.backend.thread(id);
      const posts = entries.flatMap((entry) => (entry.kind === "post" ? [entry.value] : []));
      const first = posts.find((post) => post.id === root);
      const latest = posts.filter((post) => post.id !== root).slice(-ROLLED_UP);
      this.cards = this.cards.map((card) => (card.post.id === id ? { ...card, post: first ?? card.post, latest } : card));
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  private mark(id: string, on: boolean): void {
    this.cards = this.cards.map((card) => {
      if (card.post.id !== id || card.post.liked === on) return card;
      return { ...card, post: { ...card.post, liked: on, likes: Math.max(0, card.post.likes + (on ? 1 : -1)) } };
    });
  }
}
