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
  target = $state.raw<Target | null>(null);
  /** Messages that are not in the index yet. */
  behind = $state(0);
  /** What the shown answer answers; null before the first. */
  answered = $state<string | null>(null);
  readonly pages: Pages<SearchHit>;
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
    if (this.asks) await this.pages.begin();
    else this.forget();
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
      if (this.behind > 0 && this.asks && this.rows.length < PAGE) void this.ask();
    }, LOOK_AGAIN);
    return () => clearInterval(timer);
  }

  private async read(cursor: string | null): Promise<{ values: SearchHit[]; next: string | null }> {
    const query = this.query(cursor);
    const page = await this.backend.search(query);
    // Only what is still asked says who and what was found.
    if (cursor === null && JSON.stringify(query) === JSON.stringify(this.query(null))) {
      this.people = page.people;
      this.target = page.target;
      this.behind = page.behind;
      this.answered = this.text;
    }
    return { values: page.hits, next: page.next };
  }

  private query(cursor: string | null): SearchQuery {
    const said = (text: string): string | null => text.trim() || null;
    return {
      text: this.text,
      typing: !/\s$/.test(this.text),
      from: said(this.from),
      channel: said(this.channel),
      before: null,
      after: this.since === null ? null : new Date(this.now() - this.since * 86_400_000).toISOString().slice(0, 10),
      order: this.order,
      cursor,
      limit: PAGE,
    };
  }

  private forget(): void {
    this.pages.clear();
    Object.assign(this, { people: [], target: null, behind: 0, answered: null });
  }
}
