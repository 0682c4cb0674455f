/** Who is on this network, and what flows. */
import type { Backend, NearPerson, Unsubscribe } from "../backend/backend";
import { coalesce } from "./coalesce";
import type { Toasts } from "./toasts.svelte";

const READING_GAP = 200;

export class Near {
  people = $state.raw<NearPerson[]>([]);
  addresses = $state.raw<string[]>([]);
  ready = $state(false);
  /** The most that was known to be on its way from each person since they were last level: what progress is measured by. */
  private readonly most = new Map<string, number>();
  private readonly readSoon = coalesce(() => this.refresh(), READING_GAP);

  constructor(
    private readonly backend: Backend,
    private readonly toasts: Toasts,
  ) {}

  start(): Unsubscribe {
    this.readSoon();
    return this.backend.onChange((change) => {
      if (change.kind === "nearby" || change.kind === "person") this.readSoon();
    });
  }

  async refresh(): Promise<void> {
    try {
      const { people, addresses } = await this.backend.nearby();
      for (const { person, flow } of people) {
        if (flow.kind === "receiving") this.most.set(person.id, Math.max(flow.messages, this.most.get(person.id) ?? 0));
        else this.most.delete(person.id);
      }
      this.people = people;
      this.addresses = addresses;
      this.ready = true;
    } catch (failure) {
      this.toasts.fail(failure);
    }
  }

  /** How much of what `near` sends has arrived, from 0 to 1; null where nothing is on its way. */
  arrived({ person, flow }: NearPerson): number | null {
    if (flow.kind !== "receiving") return null;
    const most = this.most.get(person.id) ?? flow.messages;
    return most === 0 ? 0 : 1 - flow.messages / most;
  }
}
