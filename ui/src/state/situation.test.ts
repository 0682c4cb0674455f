import { describe, expect, it } from "vitest";
import type { Flow, Relation } from "../backend/backend";
import { makePerson } from "../backend/memory/memory";
import { situation } from "./situation";

function near(name: string, relation: Relation, flow: Flow = { kind: "level" }) {
  return { person: makePerson(name, relation), callsThemselves: null, here: false, flow, slowed: null };
}

describe("the situation of the people near", () => {
  it("is named when nobody is near", () => {
    expect(situation([])).toMatchObject({ headline: "Nobody is near", about: null });
  });

  it("names one friend", () => {
    expect(situation([near("Bo", "friends")])).toMatchObject({ headline: "{name} is near", lead: "You follow them. Everything is level." });
  });

  it("asks to meet one stranger", () => {
    const one = situation([near("Kestrel", "stranger")]);
    expect(one.headline).toBe("One person is near");
    expect(one.about?.person.name).toBe("Kestrel");
    expect(one.step).toContain("{name}");
  });

  it("puts following back before meeting strangers", () => {
    const several = situation([near("Bo", "friends"), near("Kestrel", "stranger"), near("Tove", "followsMe")]);
    expect(several.headline).toBe("Three people are near");
    expect(several.lead).toBe("One you follow, two you have not met. Everything is level.");
    expect(several.about?.person.name).toBe("Tove");
  });

  it("never asks to follow the blocked", () => {
    expect(situation([near("Troll", "blocked"), near("Bo", "friends")]).about).toBeNull();
  });

  it("says how much is on its way", () => {
    const flowing = situation([near("Bo", "friends", { kind: "receiving", messages: 1_214 })]);
    expect(flowing.lead).toBe("You follow them. 1,214 posts are on their way to you.");
  });
});
