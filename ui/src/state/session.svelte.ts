/** The open window: who the reader is, what is cached for going back, and the ways to act. */
import { createContext } from "svelte";
import { asFailure, type Audience, type Backend, type Failure, type Indexing, type Me, type Settings, type Unsubscribe } from "../backend/backend";
import { words } from "../words/en";
import { coalesce } from "./coalesce";
import { Attention } from "./attention";
import { Near } from "./near.svelte";
import { Pictures } from "./pictures.svelte";
import { Search } from "./search.svelte";
import { to, type Router } from "./route.svelte";
import { Thread } from "./thread.svelte";
import { Timeline } from "./timeline.svelte";
import { Toasts } from "./toasts.svelte";

export type Stage =
  | { kind: "opening" }
  | { kind: "welcome" }
  | { kind: "ready" }
  | { kind: "failed"; failure: Failure };

/** Timelines, and threads, that are kept, so that going back is instant. */
const KEPT = 8;

/** What is kept under a key, made where it is not; the one that was wanted longest ago goes. */
function keep<T>(kept: Map<string, T>, key: string, make: () => T): T {
  const value = kept.get(key) ?? make();
  kept.delete(key);
  kept.set(key, value);
  const oldest = kept.keys().next();
  if (kept.size > KEPT && !oldest.done) kept.delete(oldest.value);
  return value;
}

export class Session {
  stage = $state.raw<Stage>({ kind: "opening" });
  me = $state.raw<Me | null>(null);
  readonly toasts = new Toasts();
  readonly near: Near;
  readonly search: Search;
  readonly pictures: Pictures;
  readonly attention: Attention;
  /** What was chosen; null until it was read. */
  settings = $state.raw<Settings | null>(null);
  /** How far the indexes have been filled again after an update, while they are. */
  indexing = $state.raw<Indexing | null>(null);
  /** The link that was clicked and waits for an answer. */
  leaving = $state.raw<{ kind: "web" | "mail"; href: string; host: string } | null>(null);
  /** What a screen reader is told, politely. */
  announcement = $state("");

  private readonly timelines = new Map<string, Timeline>();
  private readonly threads = new Map<string, Thread>();
  private readonly readIndexingSoon = coalesce(() => this.readIndexing(), 500);
  private readonly readMeSoon = coalesce(() => this.readMe(), 500);

  constructor(
    readonly backend: Backend,
    readonly router: Router,
  ) {
    this.near = new Near(backend, this.toasts);
    this.search = new Search(backend, this.toasts);
    this.pictures = new Pictures(backend);
    this.attention = new Attention(backend);
  }

  /** Tells a screen reader, the same words again too: a live region speaks only where its text changes. */
  announce(said: string): void {
    this.announcement = this.announcement === said ? `${said}\u00a0` : said;
  }

  start(): Unsubscribe {
    void this.open();
    const stops = [
      this.pictures.start(),
      this.backend.onChange((change) => {
        if (this.stage.kind === "ready" && (change.kind === "person" || change.kind === "standing")) this.readMeSoon();
        if (this.stage.kind === "ready" && change.kind === "indexing") this.readIndexingSoon();
        if (this.stage.kind === "ready" && change.kind === "settings") void this.readSettings();
      }),
      this.backend.onOpen((target) => this.router.go(to.target(target))),
    ];
    return () => stops.forEach((stop) => stop());
  }

  /** Asks the app what it found; again after a failure. */
  async open(): Promise<void> {
    try {
      const state = await this.backend.startState();
      if (state.kind === "failed") this.stage = { kind: "failed", failure: state.value };
      else if (state.kind === "welcome") this.stage = { kind: "welcome" };
      else {
        this.me = state.value;
        this.stage = { kind: "ready" };
        void this.openTarget();
        void this.readSettings();
        this.readIndexingSoon();
      }
    } catch (thrown) {
      this.stage = { kind: "failed", failure: asFailure(thrown, words.unknownFailure) };
    }
  }

  /** Gives the new person their name; false where it did not work (and the toast says why). */
  async begin(name: string): Promise<boolean> {
    try {
      await this.backend.begin(name);
      await this.open();
      return true;
    } catch (failure) {
      this.toasts.fail(failure);
      return false;
    }
  }

  /** The kept timeline of an audience. */
  timeline(audience: Audience): Timeline {
    return keep(this.timelines, JSON.stringify(audience), () => new Timeline(this.backend, this.toasts, audience));
  }

  /** The kept thread of a post. */
  thread(id: string): Thread {
    return keep(this.threads, id, () => new Thread(this.backend, this.toasts, id));
  }

  /** Chooses, for now and for later. */
  async choose(chosen: Partial<Settings>): Promise<void> {
    await this.act(async () => {
      const settings = { ...(await this.backend.settings()), ...chosen };
      await this.backend.choose(settings);
      this.settings = settings;
    });
  }

  async follow(id: string, on: boolean): Promise<void> {
    await this.act(() => (on ? this.backend.follow(id) : this.backend.unfollow(id)));
  }

  /** Does what was asked for; a refusal is said. */
  async act(what: () => Promise<void>): Promise<void> {
    try {
      await what();
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  private async readMe(): Promise<void> {
    try {
      const state = await this.backend.startState();
      if (state.kind === "ready") this.me = state.value;
      // The node may have come to a stop since.
      else if (state.kind === "failed") this.stage = { kind: "failed", failure: state.value };
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  private async readSettings(): Promise<void> {
    try {
      this.settings = await this.backend.settings();
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  private async readIndexing(): Promise<void> {
    try {
      this.indexing = await this.backend.indexing();
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  /** What a notification wanted opened before the page listened. */
  private async openTarget(): Promise<void> {
    try {
      const target = await this.backend.takeOpened();
      if (target) this.router.go(to.target(target));
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }
}

export const [useSession, provideSession] = createContext<Session>();
