/** Where the person is. The address after `#` says it, so back, forward and a reload work as in a browser. */
import type { Audience, Target } from "../backend/backend";
import { tick } from "svelte";

export type Route =
  | { screen: "timeline"; audience: Audience }
  | { screen: "thread"; id: string }
  | { screen: "person"; id: string }
  | { screen: "nearby" }
  | { screen: "search" };

/** The address of a place in the window. */
export const to = {
  following: "#/",
  friends: "#/posts/friends",
  nearbyPosts: "#/posts/nearby",
  all: "#/posts/all",
  channel: (name: string) => `#/channel/${encodeURIComponent(name)}`,
  thread: (id: string) => `#/thread/${encodeURIComponent(id)}`,
  person: (id: string) => `#/person/${encodeURIComponent(id)}`,
  nearby: "#/nearby",
  search: "#/search",
  target: (target: Target) => (target.kind === "thread" ? to.thread(target.id) : to.person(target.id)),
};

/** Reads an address; whatever is unknown is the timeline. */
export function routeOf(hash: string): Route {
  const [place = "", rest = ""] = hash.replace(/^#\/?/, "").split("/", 2);
  const value = decoded(rest);
  if (place === "thread" && value) return { screen: "thread", id: value };
  if (place === "person" && value) return { screen: "person", id: value };
  if (place === "search") return { screen: "search" };
  if (place === "nearby") return { screen: "nearby" };
  if (place === "channel" && value) return { screen: "timeline", audience: { kind: "channel", value } };
  if (place === "posts" && value === "friends") return { screen: "timeline", audience: { kind: "friends" } };
  if (place === "posts" && value === "nearby") return { screen: "timeline", audience: { kind: "nearby" } };
  if (place === "posts" && value === "all") return { screen: "timeline", audience: { kind: "all" } };
  return { screen: "timeline", audience: { kind: "following" } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Each history entry carries its number, so that going back finds its scroll position again. */
interface Place {
  step: number;
}

export class Router {
  hash = $state(location.hash);
  readonly route = $derived(routeOf(this.hash));
  private step = 0;
  private last = 0;
  private readonly scrolled = new Map<number, number>();

  /** `scroller` is the element that scrolls, once there is one. */
  constructor(private readonly scroller: () => HTMLElement | null) {}

  /** Follows the address; ends with the returned function. */
  start(): () => void {
    const place = history.state as Place | null;
    this.step = this.last = place?.step ?? 0;
    if (!place) history.replaceState({ step: 0 } satisfies Place, "");
    const follow = (): void => void this.follow();
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }

  go(hash: string): void {
    if (hash === (location.hash || to.following)) this.scroller()?.scrollTo({ top: 0 });
    else location.hash = hash;
  }

  /** To where the person came from; to the timeline where that is nowhere. */
  back(): void {
    if (this.step > 0) history.back();
    else this.go(to.following);
  }

  /** Only the position is remembered; screens keep what they show. Call before the screen changes. */
  private async follow(): Promise<void> {
    this.scrolled.set(this.step, this.scroller()?.scrollTop ?? 0);
    const place = history.state as Place | null;
    if (place) {
      this.step = place.step;
    } else {
      this.step = ++this.last;
      history.replaceState({ step: this.step } satisfies Place, "");
      this.scrolled.delete(this.step);
    }
    this.hash = location.hash;
    await tick();
    this.scroller()?.scrollTo({ top: this.scrolled.get(this.step) ?? 0 });
  }
}
