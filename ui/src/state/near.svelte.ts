/** Who is on this network, and what flows. */
import type { Backend, LeftOut, NearPerson, Progress, Reached, Unsubscribe } from "../backend/backend";
import { coalesce } from "./coalesce";
import type { Toasts } from "./toasts.svelte";

const READING_GAP = 300;
/** Messages of a catching up that is worth a word: fewer are here before it is read. */
const WORTH_A_WORD = 200;

export class Near {
  people = $state.raw<NearPerson[]>([]);
  addresses = $state.raw<string[]>([]);
  /** Devices that are left out, for what they did. */
  leftOut = $state.raw<LeftOut[]>([]);
  /** Addresses that links are kept to by hand. */
  reached = $state.raw<Reached[]>([]);
  ready = $state(false);
  /** How far catching up has come, while it takes long enough to be worth a word. */
  progress = $state.raw<Progress | null>(null);
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
      const { people, addresses, progress, reached, leftOut } = await this.backend.nearby();
      for (const { person, flow } of people) {
        if (flow.kind === "receiving") this.most.set(person.id, Math.max(flow.messages, this.most.get(person.id) ?? 0));
        else this.most.delete(person.id);
      }
      this.people = people;
      this.addresses = addresses;
      this.reached = reached;
      this.leftOut = leftOut;
      // Once shown it stays until everything is here.
      const isLong = progress !== null && (this.progress !== null || progress.done + progress.toCome >= WORTH_A_WORD);
      this.progress = isLong ? progress : null;
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
