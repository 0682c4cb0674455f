import { describe, expect, it } from "vitest";
import { routeOf, to } from "./route.svelte";

const ID = "%a+b/c=.sha256";

describe("addresses in the window", () => {
  it("lead to the screens they name, whatever is in an id", () => {
    expect(routeOf(to.thread(ID))).toEqual({ screen: "thread", id: ID });
    expect(routeOf(to.person("@a+b/c=.ed25519"))).toEqual({ screen: "person", id: "@a+b/c=.ed25519" });
    expect(routeOf(to.channel("größe"))).toEqual({ screen: "timeline", audience: { kind: "channel", value: "größe" } });
    expect(routeOf(to.nearby)).toEqual({ screen: "nearby" });
    expect(routeOf(to.friends)).toEqual({ screen: "timeline", audience: { kind: "friends" } });
    expect(routeOf(to.all)).toEqual({ screen: "timeline", audience: { kind: "all" } });
    expect(routeOf(to.nearbyPosts)).toEqual({ screen: "timeline", audience: { kind: "nearby" } });
  });

  it("lead to the timeline where nothing is understood", () => {
    for (const hash of ["", "#", "#/", "#/thread/", "#/thread/%E0%A4%A", "#/nonsense/x"]) {
      expect(routeOf(hash)).toEqual({ screen: "timeline", audience: { kind: "following" } });
    }
  });
});
