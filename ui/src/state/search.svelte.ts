/** The search screen: one for the window, so that coming back finds everything as it was left. */
import type { Backend, Person, SearchHit, SearchOrder, SearchQuery, Target, Unsubscribe } from "../backend/backend";
import { Pages, type Row } from "./pages.svelte";
import type { Toasts } from "./toasts.svelte";

/** Hits a page. */
const PAGE = 40;
/** Quiet after a keystroke before it is searched, in milliseconds: a fast typist's next key comes sooner. */
const PAUSE = 110;
/** How often to look again while messages are still being read into the index, in milliseconds. */
const LOOK_AGAIN = 1_500;
/** What a hit is taken for until it was measured, and the room between two, in pixels. */
const MEASURES = { estimate: 104, gap: 10 };

/** How far back to look, in days; null for any time. */
export type Since = null | 1 | 7 | 30 | 365;

export class Search {
  text = $state("");
  order = $state<SearchOrder>("newest");
  /** A name or an id, as it was typed or chosen. */
  from = $state("");
  /** The person who was chosen, for whom `from` is their id. */
  chosen = $state.raw<Person | null>(null);
  channel = $state("");
  since = $state<Since>(null);

  people = $state.raw<Person[]>([]);
  /** Why nothing was found, or what a pasted id is that has no screen. */
  note = $state<string | null>(null);
  target = $state.raw<Target | null>(null);
  /** Messages that are not in the index yet. */
  behind = $state(0);
  /** What the shown answer answers; null before the first. */
  answered = $state<string | null>(null);
  /** Counts answers worth a word: to another question, or with more or fewer hits. */
  news = $state(0);
  readonly pages: Pages<SearchHit>;
  /** What the shown answer was asked; its further pages are read with the same. */
  private question: SearchQuery | null = null;
  /** Counts questions: only the answer to the last one is shown. */
  private turn = 0;
  /** Questions that wait for their answers. */
  private waiting = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly backend: Backend,
    toasts: Toasts,
    private readonly now: () => number = Date.now,
  ) {
    this.pages = new Pages(
      (cursor) => this.read(cursor),
      (hit) => hit.id,
      (failure) => toasts.fail(failure),
      MEASURES,
    );
  }

  get rows(): readonly Row<SearchHit>[] {
    return this.pages.rows;
  }

  /** Whether anything is asked for. */
  get asks(): boolean {
    return [this.text, this.from, this.channel].some((said) => said.trim() !== "");
  }

  /** Whether anything narrows the words. */
  get narrowed(): boolean {
    return this.from.trim() !== "" || this.channel.trim() !== "" || this.since !== null;
  }

  /** What is asked was changed by typing: searched when the typing rests. */
  typed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), PAUSE);
  }

  /** Searches at once. An answer to an earlier question that comes later is dropped. */
  async ask(): Promise<void> {
    clearTimeout(this.timer);
    if (!this.asks) return this.forget();
    const before = this.answer();
    await this.pages.begin();
    if (this.answer() !== before) this.news += 1;
  }

  /** What Enter opens: what was pasted, as soon as the answer is to the words that stand there now. */
  async enter(): Promise<Target | null> {
    if (this.answered !== this.text || this.target === null) await this.ask();
    return this.answered === this.text ? this.target : null;
  }

  /** Reads again what could not be read. */
  async again(): Promise<void> {
    if (this.answered === this.text) await this.pages.retry();
    else await this.ask();
  }

  /** Back to nothing asked. */
  clear(): void {
    Object.assign(this, { text: "", from: "", chosen: null, channel: "", since: null });
    void this.ask();
  }

  only(person: Person | null): void {
    this.chosen = person;
    this.from = person?.id ?? "";
    void this.ask();
  }

  /** While messages are still being read into the index, what is shown is searched again; ends with the returned function. */
  start(): Unsubscribe {
    const timer = setInterval(() => {
      if (this.behind > 0 && this.asks && this.waiting === 0) void this.look();
    }, LOOK_AGAIN);
    return () => clearInterval(timer);
  }

  /** A short answer is asked for anew; under a longer one, in which somebody reads, only the count of what is missing. */
  private async look(): Promise<void> {
    if (this.rows.length < PAGE || this.question === null) return this.ask();
    const question = this.question;
    this.waiting += 1;
    try {
      const { behind } = await this.backend.search({ ...question, limit: 1 });
      if (question === this.question) this.behind = behind;
    } catch {
      // Looked at again in a moment.
    } finally {
      this.waiting -= 1;
    }
  }

  private async read(cursor: string | null): Promise<{ values: SearchHit[]; next: string | null }> {
    if (cursor !== null && this.question !== null) {
      const { hits, next } = await this.backend.search({ ...this.question, cursor });
      return { values: hits, next };
    }
    const turn = ++this.turn;
    const question = this.query();
    this.waiting += 1;
    try {
      const page = await this.backend.search(question);
      if (turn === this.turn) {
        this.question = question;
        this.people = page.people;
      this.note = page.note;
        this.target = page.target;
        this.behind = page.behind;
        this.answered = question.text;
      }
      return { values: page.hits, next: page.next };
    } finally {
      this.waiting -= 1;
    }
  }

  /** The shown answer, as far as a listener is told of it. */
  private answer(): string {
    return JSON.stringify([this.question, this.rows.length]);
  }

  private query(): SearchQuery {
    const said = (text: string): string | null => text.trim() || null;
    return {
      text: this.text,
      typing: !/\s$/.test(this.text),
      from: said(this.from),
      channel: said(this.channel),
      before: null,
      after: this.since === null ? null : new Date(this.now() - this.since * 86_400_000).toISOString().slice(0, 10),
      order: this.order,
      cursor: null,
      limit: PAGE,
    };
  }

  private forget(): void {
    this.turn += 1;
    this.question = null;
    this.pages.clear();
    Object.assign(this, { people: [], target: null, note: null, behind: 0, answered: null });
  }
}
