/** The one named situation of the people near, and the one next step. Pure. */
import type { NearPerson } from "../backend/backend";
import { isMet } from "../text/called";
import { words } from "../words/en";

export interface Situation {
  /** May hold `{name}`, which stands for `about`. */
  headline: string;
  lead: string;
  /** May hold `{name}`. */
  step: string;
  about: NearPerson | null;
}

export function situation(people: readonly NearPerson[]): Situation {
  const near = words.nearby;
  const known = people.filter(({ person }) => isMet(person));
  const unknown = people.filter(({ person }) => !isMet(person));
  const arriving = people.reduce((sum, { flow }) => sum + (flow.kind === "receiving" ? flow.messages : 0), 0);
  const flow = arriving > 0 ? near.lead.flowing(arriving) : people.every((one) => one.flow.kind === "level") ? near.lead.level : "";

  if (people.length === 0) {
    return { headline: near.headline.nobody, lead: near.lead.nobody, step: near.step.nobody, about: null };
  }
  const only = people.length === 1 ? (people[0] ?? null) : null;
  const headline = only && isMet(only.person) ? near.headline.friend : near.headline.people(people.length);
  const who =
    unknown.length === 0
      ? near.lead.friends(known.length)
      : known.length === 0
        ? near.lead.strangers(unknown.length)
        : near.lead.mixed(known.length, unknown.length);
  const lead = [who, flow].filter(Boolean).join(" ");

  const fan = unknown.find(({ person }) => person.relation === "followsMe");
  if (fan) return { headline, lead, step: near.step.followBack, about: fan };
  const stranger = unknown.find(({ person }) => person.relation !== "blocked");
  if (stranger) return { headline, lead, step: near.step.stranger, about: stranger };
  return { headline, lead, step: arriving > 0 ? near.step.flowing : near.step.friends, about: only };
}
