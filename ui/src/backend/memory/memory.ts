/** A whole little world in the page: a {@link Backend} for component tests and for design. Never part of a built app. */
import type {
  Audience,
  Backend,
  BlockKind,
  Card,
  Change,
  Draft,
  Entry,
  Failure,
  Indexing,
  LeftOut,
  Look,
  Me,
  Nearby,
  NearPerson,
  NetworkFinding,
  Page,
  Person,
  PersonPage,
  Post,
  Progress,
  Reached,
  Relation,
  SearchPage,
  SearchQuery,
  Settings,
  Standing,
  StartState,
  Target,
  Thread,
  Unsubscribe,
} from "../backend";
import { search } from "./search";

/** Somebody near, by id. */
export interface NearId extends Omit<NearPerson, "person" | "here"> {
  id: string;
  here?: boolean;
}

/** What the world holds at its beginning. */
export interface World {
  me: Person | null;
  followers?: number;
  standing?: Standing;
  people?: Person[];
  descriptions?: Record<string, string>;
  posts?: Post[];
  near?: NearId[];
  addresses?: string[];
  /** Who answers at which address. */
  answers?: Record<string, string>;
  findings?: NetworkFinding[];
  /** Devices that are left out, by id. */
  leftOut?: (Omit<LeftOut, "person"> & { id: string })[];
  progress?: Progress | null;
  indexing?: Indexing | null;
  /** Messages that search has not read yet. */
  behind?: number;
  settings?: Settings;
  /** What strangers near wrote, shown where that was chosen. */
  passing?: Post[];
  /** What somebody near has of people of whom nothing is stored. */
  looks?: Record<string, Look>;
  /** The window opens with this instead. */
  failed?: Failure;
}

const NOT_FOUND: Failure = {
  code: "notFound",
  message: "This is not stored here.",
  next: "It may arrive when somebody who has it comes near.",
};

let made = 0;

/** An id of the right shape that no other call returns. */
export function madeId(sigil: "@" | "%", seed = `made-${++made}`): string {
  let state = 2166136261;
  const bytes = Array.from({ length: 32 }, (_, at) => {
    for (const unit of `${seed}/${at}`) state = Math.imul(state ^ unit.charCodeAt(0), 16777619) >>> 0;
    return (state >>> 11) & 255;
  });
  const text = btoa(String.fromCharCode(...bytes));
  return sigil === "@" ? `@${text}.ed25519` : `%${text}.sha256`;
}

export class MemoryBackend implements Backend {
  /** What was asked, for tests. */
  readonly published: Draft[] = [];
  readonly searched: SearchQuery[] = [];
  readonly attended: boolean[] = [];
  private readonly changed = new Set<(change: Change) => void>();
  private readonly opened = new Set<(target: Target) => void>();
  private readonly people = new Map<string, Person>();
  private posts: Post[];
  private nearPeople: NearId[];
  private readonly muted = new Set<string>();
  /** Addresses that links are kept to, and who answered there. */
  private readonly kept = new Map<string, string>();
  private readonly blocks = new Map<string, BlockKind>();
  /** The next call to `publish` fails with this. */
  refuseNext: Failure | null = null;

  constructor(private readonly world: World) {
    for (const person of world.people ?? []) this.people.set(person.id, person);
    if (world.me) this.people.set(world.me.id, world.me);
    this.posts = [...(world.posts ?? [])].sort((a, b) => (b.time ?? 0) - (a.time ?? 0));
    this.nearPeople = [...(world.near ?? [])];
  }

  async startState(): Promise<StartState> {
    if (this.world.failed) return { kind: "failed", value: this.world.failed };
    return this.world.me ? { kind: "ready", value: this.me() } : { kind: "welcome" };
  }

  async begin(name: string): Promise<Person> {
    const person: Person = { id: madeId("@"), name, named: true, image: null, relation: "me", near: false };
    this.world.me = person;
    this.people.set(person.id, person);
    return person;
  }

  async timeline(audience: Audience, before: string | null, limit: number): Promise<Page> {
    const from = before === null ? 0 : Number(before);
    const cards = this.cards(audience);
    if (audience.kind === "nearby" && this.world.settings?.showsStrangers) {
      for (const post of this.world.passing ?? []) {
        const author = this.nearPeople.find(({ id }) => id === post.author.id);
        if (author) cards.push({ post: this.fresh(post), latest: [], reason: null, passing: true, callsThemselves: author.callsThemselves });
      }
      cards.sort((a, b) => (b.post.time ?? 0) - (a.post.time ?? 0));
    }
    const end = from + limit;
    return structuredClone({ cards: cards.slice(from, end), next: end < cards.length ? String(end) : null });
  }

  async attend(attended: boolean): Promise<void> {
    this.attended.push(attended);
  }

  async settings(): Promise<Settings> {
    return this.world.settings ?? { saysHere: true, showsStrangers: false };
  }

  async choose(chosen: Settings): Promise<void> {
    this.world.settings = chosen;
    this.tell({ kind: "settings" });
    this.tell({ kind: "timeline" });
  }

  async thread(id: string): Promise<Thread> {
    const post = this.posts.find((candidate) => candidate.id === id);
    const root = post?.root ?? id;
    const members = this.posts.filter((candidate) => candidate.id === root || candidate.root === root).reverse();
    if (members.length === 0) throw NOT_FOUND;
    const entries: Entry[] = members.map((value) => ({ kind: "post", value: this.fresh(value) }));
    if (!members.some((member) => member.id === root)) entries.unshift({ kind: "missing", value: root });
    return structuredClone({ root, entries });
  }

  async person(id: string): Promise<PersonPage> {
    const person = this.people.get(id);
    if (!person) throw NOT_FOUND;
    const theirs = this.posts.filter((post) => post.author.id === id);
    const friends = [...this.people.values()].filter((other) => other.relation === "friends" && other.id !== id);
    return structuredClone({
      person,
      description: this.world.descriptions?.[id] ?? null,
      follows: person.relation === "me" ? this.count("following", "friends") : 3 + (person.name.length % 9),
      followers: person.relation === "me" ? (this.world.followers ?? 0) : 2 + (person.name.length % 14),
      followedBy: person.relation === "stranger" || person.relation === "me" ? [] : friends.slice(0, 3),
      messages: theirs.length * 3,
      bytes: theirs.reduce((sum, post) => sum + post.text.length * 3 + 640, 0),
      forked: false,
      blocks: this.blocks.get(id) ?? null,
      muted: this.muted.has(id),
      hop: null,
    });
  }

  async nearby(): Promise<Nearby> {
    const people = this.nearPeople.flatMap(({ id, here = false, ...rest }) => {
      const person = this.people.get(id);
      return person ? [{ person, here, ...rest }] : [];
    });
    return structuredClone({ people, addresses: this.world.addresses ?? ["/ip4/192.168.1.23/tcp/42710"], progress: this.world.progress ?? null, reached: this.reached(), leftOut: this.leftOut() });
  }

  /** Whoever is near and has an address answers at it. */
  async connect(address: string): Promise<Person> {
    const id = this.world.answers?.[address];
    const person = id ? this.people.get(id) : undefined;
    if (!person) throw { code: "network", message: `${address} could not be reached: nobody answers there.`, next: "See that Periwinkle runs there." } satisfies Failure;
    this.kept.set(address, person.id);
    this.tell({ kind: "nearby" });
    return structuredClone(person);
  }

  async forgetAddress(address: string): Promise<void> {
    this.kept.delete(address);
    this.tell({ kind: "nearby" });
  }

  async checkNetwork(): Promise<NetworkFinding[]> {
    return structuredClone(this.world.findings ?? []);
  }

  private leftOut(): LeftOut[] {
    return (this.world.leftOut ?? []).flatMap(({ id, ...rest }) => {
      const person = this.people.get(id);
      return person ? [{ person, ...rest }] : [];
    });
  }

  private reached(): Reached[] {
    return [...this.kept].flatMap(([address, id]) => {
      const person = this.people.get(id);
      return person ? [{ address, person }] : [];
    });
  }

  async indexing(): Promise<Indexing | null> {
    return structuredClone(this.world.indexing ?? null);
  }

  async search(query: SearchQuery): Promise<SearchPage> {
    this.searched.push(query);
    const found = search(query, this.posts.map((post) => this.fresh(post)), [...this.people.values()]);
    const from = Number(query.cursor ?? 0);
    const end = from + query.limit;
    return structuredClone({
      target: found.target,
      people: from === 0 ? found.people : [],
      hits: found.hits.slice(from, end),
      next: end < found.hits.length ? String(end) : null,
      note: null,
      behind: this.world.behind ?? 0,
    });
  }

  async publish(draft: Draft): Promise<string> {
    if (this.refuseNext) {
      const refusal = this.refuseNext;
      this.refuseNext = null;
      throw refusal;
    }
    const me = this.world.me;
    if (!me) throw NOT_FOUND;
    this.published.push(draft);
    const answered = this.posts.find((post) => post.id === draft.replyTo);
    const post = makePost(me, draft.text, Date.now(), {
      channel: draft.channel,
      root: draft.replyTo === null ? null : (answered?.root ?? draft.replyTo),
    });
    this.receive(post);
    return post.id;
  }

  async follow(id: string): Promise<void> {
    this.relate(id, { stranger: "following", friendOfFriend: "following", followsMe: "friends" });
  }

  async unfollow(id: string): Promise<void> {
    this.relate(id, { following: "stranger", friends: "followsMe" });
  }

  async block(id: string, secretly: boolean): Promise<void> {
    this.blocks.set(id, secretly ? "private" : "public");
    this.nearPeople = this.nearPeople.filter((near) => near.id !== id);
    this.relate(id, { stranger: "blocked", friendOfFriend: "blocked", followsMe: "blocked", following: "blocked", friends: "blocked" });
  }

  async unblock(id: string): Promise<void> {
    this.blocks.delete(id);
    this.relate(id, { blocked: "stranger" });
  }

  async mute(id: string, on: boolean): Promise<void> {
    if (on) this.muted.add(id);
    else this.muted.delete(id);
    this.tell({ kind: "person", id });
    this.tell({ kind: "timeline" });
  }

  async lookAt(id: string): Promise<Look> {
    const look = this.world.looks?.[id];
    if (!look) throw NOT_FOUND;
    return structuredClone(look);
  }

  async like(id: string, on: boolean): Promise<void> {
    this.posts = this.posts.map((post) =>
      post.id === id && post.liked !== on ? { ...post, liked: on, likes: post.likes + (on ? 1 : -1) } : post,
    );
    this.tell({ kind: "timeline" });
  }

  async rename(name: string, description: string | null): Promise<void> {
    if (!this.world.me) return;
    this.world.me = { ...this.world.me, name };
    this.people.set(this.world.me.id, this.world.me);
    this.world.descriptions = { ...this.world.descriptions, [this.world.me.id]: description ?? "" };
    this.tell({ kind: "person", id: this.world.me.id });
  }

  async standing(): Promise<Standing> {
    return this.world.standing ?? "whole";
  }

  async takeOpened(): Promise<Target | null> {
    return null;
  }

  onChange(listener: (change: Change) => void): Unsubscribe {
    this.changed.add(listener);
    return () => this.changed.delete(listener);
  }

  onOpen(listener: (target: Target) => void): Unsubscribe {
    this.opened.add(listener);
    return () => this.opened.delete(listener);
  }

  /** A post arrives, from here or from elsewhere. */
  receive(...posts: Post[]): void {
    this.posts = [...posts, ...this.posts].sort((a, b) => (b.time ?? 0) - (a.time ?? 0));
    for (const post of posts) {
      if (post.root) this.tell({ kind: "thread", id: post.root });
    }
    this.tell({ kind: "timeline" });
  }

  /** The node comes to a stop. */
  breakDown(failure: Failure): void {
    this.world.failed = failure;
    this.tell({ kind: "standing" });
  }

  /** Somebody comes, goes, or something flows. */
  setNear(near: NearId[], progress: Progress | null = null): void {
    this.nearPeople = near;
    this.world.progress = progress;
    this.tell({ kind: "nearby" });
  }

  open(target: Target): void {
    for (const listener of this.opened) listener(target);
  }

  private tell(change: Change): void {
    for (const listener of [...this.changed]) listener(change);
  }

  private me(): Me {
    const person = this.world.me as Person;
    return structuredClone({ person, followers: this.world.followers ?? 0, standing: this.world.standing ?? "whole" });
  }

  private count(...relations: Relation[]): number {
    return [...this.people.values()].filter((person) => relations.includes(person.relation)).length;
  }

  private relate(id: string, steps: Partial<Record<Relation, Relation>>): void {
    const person = this.people.get(id);
    const next = person && steps[person.relation];
    if (!person || !next) return;
    this.people.set(id, { ...person, relation: next });
    this.tell({ kind: "person", id });
    this.tell({ kind: "nearby" });
    this.tell({ kind: "timeline" });
  }

  private fresh(post: Post): Post {
    return { ...post, author: this.people.get(post.author.id) ?? post.author };
  }

  private shows(audience: Audience, post: Post): boolean {
    const author = this.people.get(post.author.id) ?? post.author;
    if (author.relation === "blocked" || (this.muted.has(author.id) && audience.kind !== "person")) return false;
    switch (audience.kind) {
      case "all":
        return true;
      case "following":
        return ["me", "friends", "following"].includes(author.relation);
      case "friends":
        return ["me", "friends", "following", "friendOfFriend"].includes(author.relation);
      case "nearby":
        return this.nearPeople.some((near) => near.id === author.id);
      case "channel":
        return post.channel === audience.value;
      case "person":
        return author.id === audience.value;
    }
  }

  private cards(audience: Audience): Card[] {
    const cards = new Map<string, Card>();
    const byId = new Map(this.posts.map((post) => [post.id, post]));
    for (const post of this.posts.filter((candidate) => this.shows(audience, candidate))) {
      const rootId = post.root ?? post.id;
      const root = byId.get(rootId);
      const card = cards.get(rootId);
      if (!card) {
        const replied = root !== undefined && root.id !== post.id;
        cards.set(rootId, {
          post: this.fresh(root ?? post),
          latest: replied ? [this.fresh(post)] : [],
          reason: replied ? { kind: "replied", person: post.author } : null,
          passing: false,
          callsThemselves: null,
        });
      } else if (post.id !== rootId && card.post.id !== post.id && card.latest.length < 2) {
        card.latest.unshift(this.fresh(post));
      }
    }
    return [...cards.values()];
  }
}

/** A post with everything that is not said left empty. */
export function makePost(author: Person, text: string, time: number, more: Partial<Post> = {}): Post {
  return {
    id: madeId("%"),
    author,
    text,
    contentWarning: null,
    channel: null,
    root: null,
    mentions: [],
    time,
    sequence: ++made,
    replies: 0,
    likes: 0,
    liked: false,
    ...more,
  };
}

/** A person with everything that is not said left plain. */
export function makePerson(name: string, relation: Relation, more: Partial<Person> = {}): Person {
  return { id: madeId("@", name), name, named: true, image: null, relation, near: false, ...more };
}
