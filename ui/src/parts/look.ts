/** The colour of a person's round picture, always the same for the same id. */

/** Pairs from light to deep; white letters on either end reach 4.5 : 1 where the letter stands. */
const TONES = [
  ["#5f69d4", "#434ba8"],
  ["#2f8577", "#1f6459"],
  ["#a9613a", "#824522"],
  ["#8464b8", "#644594"],
  ["#3b7aa6", "#285a80"],
  ["#a8527a", "#823658"],
  ["#657a2f", "#4b5c1f"],
  ["#8f6a1f", "#6d4e12"],
  ["#4b6f86", "#355263"],
  ["#b0524a", "#883830"],
] as const;

export function tone(id: string): readonly [string, string] {
  let sum = 0;
  for (const unit of id) sum = (Math.imul(sum, 31) + unit.charCodeAt(0)) >>> 0;
  return TONES[sum % TONES.length] ?? TONES[0];
}
