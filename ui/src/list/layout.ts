/**
 * Where the rows of a long list lie, in CSS pixels from its top, by what was measured of them and an estimate for the rest.
 * Heights belong to keys, not to places, so rows may come and go anywhere. Pure.
 */
export class Layout {
  private readonly heights = new Map<string, number>();
  private keys: readonly string[] = [];
  /** The place of each key. */
  private places = new Map<string, number>();
  /** The top of each row, and behind the last one where a next would begin; right up to and with `firm`. */
  private tops = new Float64Array(1);
  private firm = 0;

  constructor(
    /** What a row is taken for until it was measured. */
    private readonly estimate: number,
    /** Between two rows. */
    readonly gap = 0,
  ) {}

  /** The rows from now on, in order. Heights of keys that are no longer there are forgotten once they are the most. */
  lay(keys: readonly string[]): void {
    if (keys === this.keys) return;
    let same = 0;
    while (same < keys.length && keys[same] === this.keys[same]) same += 1;
    for (const key of this.keys.slice(same)) this.places.delete(key);
    keys.slice(same).forEach((key, at) => this.places.set(key, same + at));
    this.keys = keys;
    if (this.tops.length <= keys.length) {
      const tops = new Float64Array(2 * keys.length + 1);
      tops.set(this.tops.subarray(0, same + 1));
      this.tops = tops;
    }
    this.firm = Math.min(this.firm, same);
    if (this.heights.size > 2 * keys.length + SPARE) this.forget();
  }

  /** Takes the height of a row; whether that moves anything. */
  measured(key: string, height: number): boolean {
    const before = this.height(key);
    this.heights.set(key, height);
    if (Math.abs(before - height) < 0.01) return false;
    const at = this.find(key);
    if (at >= 0) this.firm = Math.min(this.firm, at);
    return true;
  }

  /** What is known of the height of a row, else the estimate. */
  height(key: string): number {
    return this.heights.get(key) ?? this.estimate;
  }

  get count(): number {
    return this.keys.length;
  }

  /** The whole list. */
  get total(): number {
    return this.count === 0 ? 0 : this.top(this.count) - this.gap;
  }

  /** Where row `index` begins; for the count, where one more would. */
  top(index: number): number {
    for (; this.firm < index; this.firm += 1) {
      const height = this.height(this.keys[this.firm] ?? "");
      this.tops[this.firm + 1] = (this.tops[this.firm] ?? 0) + height + this.gap;
    }
    return this.tops[index] ?? 0;
  }

  /** Where row `index` ends. */
  bottom(index: number): number {
    return this.top(index + 1) - this.gap;
  }

  /** The row that lies at `offset`, or whose gap does; the first above all, the last below all. */
  at(offset: number): number {
    let low = 0;
    let high = Math.max(0, this.count - 1);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.top(middle + 1) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The place of a key, or -1. */
  find(key: string): number {
    return this.places.get(key) ?? -1;
  }

  private forget(): void {
    const kept = new Set(this.keys);
    for (const key of this.heights.keys()) if (!kept.has(key)) this.heights.delete(key);
  }
}

/** Heights of rows that went away are kept up to this many beyond twice the rows: they may come back. */
const SPARE = 500;
