/** Which files have come since the window opened: whoever shows one that was not here tries again. */
import { SvelteMap } from "svelte/reactivity";
import type { Backend, Unsubscribe } from "../backend/backend";

/** Files that are remembered to have come; the oldest is forgotten, and then shows when its post is drawn anew. */
const KEPT = 512;

export class Pictures {
  private readonly came = new SvelteMap<string, number>();

  constructor(private readonly backend: Backend) {}

  start(): Unsubscribe {
    return this.backend.onChange((change) => {
      if (change.kind !== "blob") return;
      const turn = this.turn(change.id) + 1;
      this.came.delete(change.id);
      this.came.set(change.id, turn);
      const oldest = this.came.keys().next();
      if (this.came.size > KEPT && !oldest.done) this.came.delete(oldest.value);
    });
  }

  /** How often the file has come: what failed in an earlier turn may work now. */
  turn(id: string): number {
    return this.came.get(id) ?? 0;
  }
}
