/** The colour of a person's round picture, always the same for the same id. */

/** Pairs from light to deep; white letters on either end reach 4.5 : 1 where the letter stands. */
const TONES = [
  ["#5f69d4", "#434ba8"],
  ["#2b7e71", "#1f6459"],
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
  // FNV-1a, folded, so that ids that differ in one sign get colours of their own.
  let sum = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) sum = Math.imul(sum ^ id.charCodeAt(at), 0x01000193) >>> 0;
  return TONES[(((sum >>> 16) ^ sum) >>> 0) % TONES.length] ?? TONES[0];
}
