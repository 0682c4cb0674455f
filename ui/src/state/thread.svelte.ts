/** One thread, re-read whenever it changes. Replies are added at its end, so nothing that is being read moves. */
import { asFailure, type Backend, type Entry, type Post, type Unsubscribe } from "../backend/backend";
import { words } from "../words/en";
import { Layout } from "../list/layout";
import { coalesce } from "./coalesce";
import { like } from "./like";
import type { Toasts } from "./toasts.svelte";

const READING_GAP = 100;
/** What a post is taken for until it was measured, in pixels. */
const ESTIMATE = 124;

/** The post of a place in a thread, here or not, by id. */
export function entryId(entry: Entry): string {
  return entry.kind === "post" ? entry.value.id : entry.value;
}

export class Thread {
  root = $state<string | null>(null);
  entries = $state.raw<Entry[]>([]);
  ready = $state(false);
  /** Nothing of the thread is stored here. */
  absent = $state(false);
  readonly layout = new Layout(ESTIMATE);
  private readonly readSoon = coalesce(() => this.refresh(), READING_GAP);

  constructor(
    private readonly backend: Backend,
    private readonly toasts: Toasts,
    readonly id: string,
  ) {}

  start(): Unsubscribe {
    this.readSoon();
    return this.backend.onChange((change) => {
      const mine = change.kind === "thread" && (change.id === this.root || change.id === this.id);
      if (mine || change.kind === "timeline" || change.kind === "person") this.readSoon();
    });
  }

  async refresh(): Promise<void> {
    try {
      const thread = await this.backend.thread(this.id);
      this.root = thread.root;
      // Entries that did not change stay the same objects: only what changed is drawn anew.
      const before = new Map(this.entries.map((entry) => [entryId(entry), entry]));
      this.entries = thread.entries.map((entry) => {
        const old = before.get(entryId(entry));
        return old && JSON.stringify(old) === JSON.stringify(entry) ? old : entry;
      });
      this.absent = false;
    } catch (thrown) {
      const failure = asFailure(thrown, words.unknownFailure);
      if (failure.code === "notFound") this.absent = true;
      else this.toasts.fail(thrown);
    } finally {
      this.ready = true;
    }
  }

  /** The stored posts in their order. */
  get posts(): Post[] {
    return this.entries.flatMap((entry) => (entry.kind === "post" ? [entry.value] : []));
  }

  async like(id: string, on: boolean): Promise<void> {
    await like(this.backend, this.toasts, (id, on) => this.mark(id, on), id, on);
  }

  private mark(id: string, on: boolean): void {
    this.entries = this.entries.map((entry) => {
      if (entry.kind !== "post" || entry.value.id !== id || entry.value.liked === on) return entry;
      return { ...entry, value: { ...entry.value, liked: on, likes: Math.max(0, entry.value.likes + (on ? 1 : -1)) } };
    });
  }
}
