/** One person's page, re-read whenever they change. */
import { asFailure, type Backend, type PersonPage, type Unsubscribe } from "../backend/backend";
import { words } from "../words/en";
import { coalesce } from "./coalesce";
import type { Toasts } from "./toasts.svelte";

const READING_GAP = 250;

export class PersonState {
  page = $state.raw<PersonPage | null>(null);
  absent = $state(false);
  private readonly readSoon = coalesce(() => this.refresh(), READING_GAP);

  constructor(
    private readonly backend: Backend,
    private readonly toasts: Toasts,
    readonly id: string,
  ) {}

  start(): Unsubscribe {
    this.readSoon();
    return this.backend.onChange((change) => {
      const mine = change.kind === "person" && change.id === this.id;
      if (mine || change.kind === "timeline" || change.kind === "nearby") this.readSoon();
    });
  }

  async refresh(): Promise<void> {
    try {
      this.page = await this.backend.person(this.id);
      this.absent = false;
    } catch (thrown) {
      if (asFailure(thrown, words.unknownFailure).code === "notFound") this.absent = true;
      else this.toasts.fail(thrown);
    }
  }
}
