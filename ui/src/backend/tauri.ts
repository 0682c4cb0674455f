/** The app behind the page. The only file (with the generated `bindings.ts`) that knows Tauri. */
import { listen } from "@tauri-apps/api/event";
import type { Backend, Change, Failure, Target, Unsubscribe } from "./backend";
import { commands } from "./bindings";

type Outcome<T> = { status: "ok"; data: T } | { status: "error"; error: Failure };

async function taken<T>(outcome: Promise<Outcome<T>>): Promise<T> {
  const result = await outcome;
  if (result.status === "error") throw result.error;
  return result.data;
}

/** A set of listeners behind one subscription at Tauri, which outlives them. */
class Listeners<T> {
  private readonly all = new Set<(value: T) => void>();

  add(listener: (value: T) => void): Unsubscribe {
    this.all.add(listener);
    return () => this.all.delete(listener);
  }

  tell(value: T): void {
    for (const listener of [...this.all]) listener(value);
  }
}

/** Subscribes first and answers then, so that no change between the first read and the subscription is lost. */
export async function connect(): Promise<Backend> {
  const changes = new Listeners<Change>();
  const openings = new Listeners<Target>();
  await Promise.all([
    listen<Change[]>("changes", (event) => event.payload.forEach((change) => changes.tell(change))),
    listen<Target>("open", (event) => openings.tell(event.payload)),
  ]);

  return {
    startState: () => taken(commands.startState()),
    begin: (name) => taken(commands.begin(name)),
    timeline: (audience, before, limit) => taken(commands.timeline(audience, before, limit)),
    thread: (id) => taken(commands.thread(id)),
    person: (id) => taken(commands.person(id)),
    search: (query) => taken(commands.search(query)),
    nearby: () => taken(commands.nearby()),
    connect: (address) => taken(commands.connect(address)),
    forgetAddress: async (address) => void (await taken(commands.forgetAddress(address))),
    checkNetwork: () => taken(commands.checkNetwork()),
    indexing: () => taken(commands.indexing()),
    publish: (draft) => taken(commands.publish(draft)),
    follow: async (id) => void (await taken(commands.follow(id))),
    unfollow: async (id) => void (await taken(commands.unfollow(id))),
    block: async (id, secretly) => void (await taken(commands.block(id, secretly))),
    unblock: async (id) => void (await taken(commands.unblock(id))),
    mute: async (id, on) => void (await taken(commands.mute(id, on))),
    lookAt: (id, before) => taken(commands.lookAt(id, before)),
    like: async (id, on) => void (await taken(commands.like(id, on))),
    rename: async (name, description) => void (await taken(commands.rename(name, description))),
    attend: async (attended) => void (await taken(commands.attend(attended))),
    settings: () => taken(commands.settings()),
    choose: async (chosen) => void (await taken(commands.choose(chosen))),
    standing: () => taken(commands.standing()),
    takeOpened: () => taken(commands.takeOpened()),
    onChange: (listener) => changes.add(listener),
    onOpen: (listener) => openings.add(listener),
  };
}
