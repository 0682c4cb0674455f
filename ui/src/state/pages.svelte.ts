/**
 * A list that is read in pages by cursor. Pages far from what is in sight are let go of and read again when they come near:
 * they keep their place, their cursor and their keys. One reading at a time, whatever is scrolled meanwhile.
 */
import { Layout } from "../list/layout";

export interface Row<T> {
  key: string;
  /** Null where the page was let go of. */
  value: T | null;
}

interface Leaf<T> {
  /** The cursor that reads it; null for the first. */
  from: string | null;
  keys: string[];
  values: T[] | null;
}

export interface Reading<T> {
  values: T[];
  next: string | null;
}

/** Rows before the end, or before a page that was let go of, at which reading begins. */
const AHEAD = 20;
/** Rows further from what is in sight are let go of. A multiple of `AHEAD`, so that nothing is read back and forth. */
const KEPT = 240;

export class Pages<T> {
  rows = $state.raw<readonly Row<T>[]>([]);
  /** Whether the first page was read. */
  ready = $state(false);
  /** Whether the last page was read. */
  ended = $state(false);
  readonly layout: Layout;

  private leaves: Leaf<T>[] = [];
  private next: string | null = null;
  private sight: readonly [number, number] = [0, 0];
  private busy = false;
  /** Counts beginnings; what was asked before one is of no use after it. */
  private turn = 0;

  constructor(
    private readonly read: (from: string | null) => Promise<Reading<T>>,
    private readonly keyOf: (value: T) => string,
    private readonly failed: (thrown: unknown) => void,
    /** Height of a row until it was measured, and the gap between two, in pixels. */
    measures: { estimate: number; gap: number },
  ) {
    this.layout = new Layout(measures.estimate, measures.gap);
  }

  /** What is held, in order. */
  get values(): T[] {
    return this.leaves.flatMap((leaf) => leaf.values ?? []);
  }

  /** Reads the first page and shows it in place of everything. */
  async begin(): Promise<void> {
    const turn = ++this.turn;
    try {
      const { values, next } = await this.read(null);
      if (turn !== this.turn) return;
      this.leaves = [this.leaf(null, values, new Set())];
      this.next = next;
      this.ended = next === null;
      this.ready = true;
      this.show();
    } catch (thrown) {
      if (turn === this.turn) this.failed(thrown);
    }
  }

  /** Shows nothing, as before the first reading. */
  clear(): void {
    this.turn += 1;
    this.leaves = [];
    this.next = null;
    this.ready = false;
    this.ended = false;
    this.show();
  }

  /** Reads what the rows in sight, from `first` to `last`, and their neighbours lack; lets go of what is far. */
  see(first: number, last: number): void {
    this.sight = [first, last];
    void this.work();
  }

  /** Puts other values in place of held ones, each under its key. Values that `change` gives back as they are stay. */
  change(change: (value: T) => T): void {
    let any = false;
    for (const leaf of this.leaves) {
      leaf.values = leaf.values?.map((value) => {
        const changed = change(value);
        any ||= changed !== value;
        return changed;
      }) ?? null;
    }
    if (any) this.show();
  }

  private async work(): Promise<void> {
    if (this.busy || !this.ready) return;
    this.busy = true;
    try {
      for (let missing = this.missing(); missing; missing = this.missing()) await missing();
    } finally {
      this.busy = false;
    }
  }

  /** What to read next, if anything. */
  private missing(): (() => Promise<void>) | null {
    const [first, last] = this.sight;
    let at = 0;
    for (const leaf of this.leaves) {
      const end = at + leaf.keys.length;
      if (leaf.values === null && end >= first - AHEAD && at <= last + AHEAD) return () => this.again(leaf);
      at = end;
    }
    return !this.ended && last + AHEAD >= at ? () => this.older() : null;
  }

  private async older(): Promise<void> {
    const turn = this.turn;
    const from = this.next;
    try {
      const { values, next } = await this.read(from);
      if (turn !== this.turn) return;
      this.leaves.push(this.leaf(from, values, new Set(this.leaves.flatMap((leaf) => leaf.keys))));
      this.next = next;
      this.ended = next === null;
      this.letGo();
      this.show();
    } catch (thrown) {
      if (turn !== this.turn) return;
      this.failed(thrown);
      this.ended = true;
    }
  }

  /** Reads a page again. What came between it and the next since then becomes a page of its own, to be read in its turn. */
  private async again(leaf: Leaf<T>): Promise<void> {
    const turn = this.turn;
    try {
      const { values, next } = await this.read(leaf.from);
      if (turn !== this.turn) return;
      const at = this.leaves.indexOf(leaf);
      const above = new Set(this.leaves.slice(0, at).flatMap((other) => other.keys));
      const below = new Set(this.leaves.slice(at + 1).flatMap((other) => other.keys));
      // Where a page below begins, this one ends.
      const end = values.findIndex((value) => below.has(this.keyOf(value)));
      Object.assign(leaf, this.leaf(leaf.from, end < 0 ? values : values.slice(0, end), above));
      const after = this.leaves[at + 1];
      if (next !== null && end < 0 && after && after.from !== next) {
        this.leaves.splice(at + 1, 0, { from: next, keys: [], values: null });
      }
      this.letGo();
      this.show();
    } catch (thrown) {
      if (turn !== this.turn) return;
      this.failed(thrown);
      // Its rows go, rather than being asked for without end.
      Object.assign(leaf, { keys: [], values: [] });
      this.show();
    }
  }

  private leaf(from: string | null, values: readonly T[], others: ReadonlySet<string>): Leaf<T> {
    const kept = new Map(values.map((value) => [this.keyOf(value), value] as const).filter(([key]) => !others.has(key)));
    return { from, keys: [...kept.keys()], values: [...kept.values()] };
  }

  /** The first page stays: what is new is told by comparing with it. */
  private letGo(): void {
    const [first, last] = this.sight;
    let at = this.leaves[0]?.keys.length ?? 0;
    for (const leaf of this.leaves.slice(1)) {
      const end = at + leaf.keys.length;
      if (end < first - KEPT || at > last + KEPT) leaf.values = null;
      at = end;
    }
  }

  private show(): void {
    this.rows = this.leaves.flatMap((leaf) => leaf.keys.map((key, at) => ({ key, value: leaf.values?.[at] ?? null })));
  }
}
