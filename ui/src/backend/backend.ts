/**
 * What the page may ask of the world behind it. Two implementations stand behind this interface:
 * `tauri.ts` speaks to the app; `memory.ts` lives in the page, for component tests and for design.
 *
 * Every promise that fails is rejected with a {@link Failure}, whose words are fit to be shown.
 */
import type {
  Audience,
  Change,
  Draft,
  Failure,
  Indexing,
  Look,
  Nearby,
  NetworkFinding,
  Page,
  Person,
  PersonPage,
  SearchPage,
  SearchQuery,
  Settings,
  Standing,
  StartState,
  Target,
  Thread,
} from "./bindings";

export type * from "./bindings";

/** Ends a subscription. Calling it twice does no harm. */
export type Unsubscribe = () => void;

export interface Backend {
  startState(): Promise<StartState>;
  /** Makes the key and the store, and gives the new person their name. */
  begin(name: string): Promise<Person>;
  /** Cards newest first; `before` is the `next` of the page above, null for the first. */
  timeline(audience: Audience, before: string | null, limit: number): Promise<Page>;
  /** A thread, by the id of any post in it. */
  thread(id: string): Promise<Thread>;
  person(id: string): Promise<PersonPage>;
  /** A page of what is found. */
  search(query: SearchQuery): Promise<SearchPage>;
  nearby(): Promise<Nearby>;
  /** Dials an address and keeps a link to who answers there. */
  connect(address: string): Promise<Person>;
  forgetAddress(address: string): Promise<void>;
  /** What the network doctor finds out; takes a few seconds. */
  checkNetwork(): Promise<NetworkFinding[]>;
  /** How far the indexes have been filled again after an update; null when they are whole. */
  indexing(): Promise<Indexing | null>;
  /** Signs and stores a post; resolves with its id once it is on disk. */
  publish(draft: Draft): Promise<string>;
  follow(id: string): Promise<void>;
  unfollow(id: string): Promise<void>;
  /** Nothing flows between them and the reader any more; `secretly`, no message says so. */
  block(id: string, secretly: boolean): Promise<void>;
  unblock(id: string): Promise<void>;
  /** Their posts are shown on their own page alone. */
  mute(id: string, on: boolean): Promise<void>;
  /** Posts of somebody of whom nothing is stored, as somebody near has them; `before` is the `next` of the page before. */
  lookAt(id: string, before: string | null): Promise<Look>;
  like(id: string, on: boolean): Promise<void>;
  rename(name: string, description: string | null): Promise<void>;
  /** Tells those near whether somebody uses this window now, until that is told otherwise. */
  attend(attended: boolean): Promise<void>;
  settings(): Promise<Settings>;
  /** Chooses, for now and for later. */
  choose(chosen: Settings): Promise<void>;
  standing(): Promise<Standing>;
  /** The place that a notification wanted opened before the page listened, once. */
  takeOpened(): Promise<Target | null>;

  /** Changes carry ids only; whoever shows the thing asks for it again. */
  onChange(listener: (change: Change) => void): Unsubscribe;
  onOpen(listener: (target: Target) => void): Unsubscribe;
}

/** Reads anything that was thrown as a {@link Failure}; `unknown` is what to say of a mistake of ours. */
export function asFailure(thrown: unknown, unknown: { message: string; next: string }): Failure {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown && "next" in thrown) {
    return thrown as Failure;
  }
  return { code: "internal", ...unknown };
}
