/** How somebody near is called. Pure. */
import type { Person } from "../backend/backend";
import { plainName, shortId } from "./plain";

export interface Called {
  name: string;
  /** Only their own device vouches for it: shown as what they call themselves. */
  claimed: boolean;
}

/** Whether the reader follows them. */
export function isMet(person: Person): boolean {
  return person.relation === "friends" || person.relation === "following";
}

export function called({ person, callsThemselves }: { person: Person; callsThemselves: string | null }): Called {
  const claim = !isMet(person) && callsThemselves !== null ? plainName(callsThemselves) : "";
  return { name: claim || (person.named ? plainName(person.name) : "") || shortId(person.id), claimed: claim !== "" };
}
