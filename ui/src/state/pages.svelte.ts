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
  rows: Row<T>[];
  /** Whether the rows hold what they stand for. */
  held: boolean;
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
  /** Whether the last reading failed. What is shown stays; scrolling on or `retry` reads again. */
  stuck = $state(false);
  readonly layout: Layout;

  private leaves: Leaf<T>[] = [];
  /** The keys of all leaves. */
  private known = new Set<string>();
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
    return this.rows.flatMap(({ value }) => (value === null ? [] : [value]));
  }

  /** Reads the first page and shows it in place of everything. */
  async begin(): Promise<void> {
    const turn = ++this.turn;
    try {
      const { values, next } = await this.read(null);
      if (turn !== this.turn) return;
      // What was asked of the earlier list while this was read is of no use either.
      this.turn += 1;
      this.known = new Set();
      this.leaves = [this.leaf(null, values)];
      this.next = next;
      this.ended = next === null;
      this.ready = true;
      this.stuck = false;
      this.show();
    } catch (thrown) {
      if (turn === this.turn) this.stick(thrown);
    }
  }

  /** Shows nothing, as before the first reading. */
  clear(): void {
    this.turn += 1;
    this.leaves = [];
    this.known = new Set();
    this.next = null;
    this.ready = false;
    this.ended = false;
    this.stuck = false;
    this.show();
  }

  /** Reads what the rows in sight, from `first` to `last`, and their neighbours lack; lets go of what is far. */
  see(first: number, last: number): void {
    const same = first === this.sight[0] && last === this.sight[1];
    this.sight = [first, last];
    // After a failure only scrolling asks again: a list that is merely drawn anew would ask without end.
    if (!this.stuck || !same) void this.work();
  }

  /** Reads again what could not be read. */
  async retry(): Promise<void> {
    if (this.ready) await this.work();
    else await this.begin();
  }

  /** Puts other values in place of held ones, each under its key. Values that `change` gives back as they are stay. */
  change(change: (value: T) => T): void {
    let any = false;
    for (const leaf of this.leaves) {
      if (!leaf.held) continue;
      leaf.rows = leaf.rows.map((row) => {
        const changed = row.value === null ? null : change(row.value);
        if (changed === row.value) return row;
        any = true;
        return { key: row.key, value: changed };
      });
    }
    if (any) this.show();
  }

  /** Takes out held values that are gone; the list closes up. */
  keep(stays: (value: T) => boolean): void {
    let any = false;
    for (const leaf of this.leaves) {
      if (!leaf.held) continue;
      const rows = leaf.rows.filter((row) => row.value === null || stays(row.value));
      if (rows.length === leaf.rows.length) continue;
      for (const row of leaf.rows) if (!rows.includes(row)) this.known.delete(row.key);
      leaf.rows = rows;
      any = true;
    }
    if (any) this.show();
  }

  private async work(): Promise<void> {
    if (this.busy || !this.ready) return;
    this.busy = true;
    try {
      for (let missing = this.missing(); missing; missing = this.missing()) {
        if (!(await missing())) break;
      }
    } finally {
      this.busy = false;
    }
  }

  /** What to read next, if anything; answers whether reading may go on. */
  private missing(): (() => Promise<boolean>) | null {
    const [first, last] = this.sight;
    let at = 0;
    for (const leaf of this.leaves) {
      const end = at + leaf.rows.length;
      if (!leaf.held && end >= first - AHEAD && at <= last + AHEAD) return () => this.again(leaf);
      at = end;
    }
    return !this.ended && last + AHEAD >= at ? () => this.older() : null;
  }

  private async older(): Promise<boolean> {
    const turn = this.turn;
    const from = this.next;
    try {
      const { values, next } = await this.read(from);
      if (turn !== this.turn) return true;
      this.leaves.push(this.leaf(from, values));
      this.next = next;
      this.ended = next === null;
      this.stuck = false;
      this.letGo();
      this.show();
      return true;
    } catch (thrown) {
      if (turn !== this.turn) return true;
      this.stick(thrown);
      return false;
    }
  }

  /** Reads a page again. What came between it and the next since then becomes a page of its own, to be read in its turn. */
  private async again(leaf: Leaf<T>): Promise<boolean> {
    const turn = this.turn;
    try {
      const { values, next } = await this.read(leaf.from);
      if (turn !== this.turn) return true;
      const at = this.leaves.indexOf(leaf);
      for (const { key } of leaf.rows) this.known.delete(key);
      const below = new Set(this.leaves.slice(at + 1).flatMap((other) => other.rows.map(({ key }) => key)));
      // Where a page below begins, this one ends.
      const end = values.findIndex((value) => below.has(this.keyOf(value)));
      Object.assign(leaf, this.leaf(leaf.from, end < 0 ? values : values.slice(0, end)));
      const after = this.leaves[at + 1];
      if (next !== null && end < 0 && after && after.from !== next) {
        this.leaves.splice(at + 1, 0, { from: next, rows: [], held: false });
      }
      this.stuck = false;
      this.letGo();
      this.show();
      return true;
    } catch (thrown) {
      if (turn !== this.turn) return true;
      // Its rows keep their places.
      this.stick(thrown);
      return false;
    }
  }

  /** Told once, however often reading fails in a row. */
  private stick(thrown: unknown): void {
    if (!this.stuck) this.failed(thrown);
    this.stuck = true;
  }

  /** A page of what is not shown yet. */
  private leaf(from: string | null, values: readonly T[]): Leaf<T> {
    const rows: Row<T>[] = [];
    for (const value of values) {
      const key = this.keyOf(value);
      if (this.known.has(key)) continue;
      this.known.add(key);
      rows.push({ key, value });
    }
    return { from, rows, held: true };
  }

  /** The first page stays: what is new is told by comparing with it. */
  private letGo(): void {
    const [first, last] = this.sight;
    let at = this.leaves[0]?.rows.length ?? 0;
    for (const leaf of this.leaves.slice(1)) {
      const end = at + leaf.rows.length;
      if (leaf.held && (end < first - KEPT || at > last + KEPT)) {
        leaf.held = false;
        leaf.rows = leaf.rows.map(({ key }) => ({ key, value: null }));
      }
      at = end;
    }
  }

  private show(): void {
    this.rows = this.leaves.flatMap((leaf) => leaf.rows);
  }
}
