/**
 * When each post was first painted, for the end-to-end measurement of latency: `window.__painted[id]` is the Unix time
 * in milliseconds at the end of the frame that showed it, and `painted` is dispatched on the window with the same.
 */
import type { Attachment } from "svelte/attachments";

/** How many posts are remembered; the oldest go first. */
const REMEMBERED = 1_000;

export interface Painted {
  id: string;
  /** Unix milliseconds. */
  at: number;
}

declare global {
  interface Window {
    __painted?: Record<string, number>;
  }
}

const marks: Record<string, number> = {};
const order: string[] = [];
window.__painted = marks;

function record(id: string): void {
  if (id in marks) return;
  const at = performance.timeOrigin + performance.now();
  marks[id] = at;
  order.push(id);
  const oldest = order.length > REMEMBERED ? order.shift() : undefined;
  if (oldest !== undefined) delete marks[oldest];
  window.dispatchEvent(new CustomEvent<Painted>("painted", { detail: { id, at } }));
}

/** Posts that the next frame shows for the first time. */
const fresh = new Set<string>();

/** Marks what a frame has shown once it is done: a message posted in a frame's callback is handled after its paint. */
function mark(): void {
  const shown = [...fresh];
  fresh.clear();
  if (shown.length === 0) return;
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    channel.port1.close();
    shown.forEach(record);
  };
  channel.port2.postMessage(null);
}

/** Marks a post once the frame that first shows it is done. */
export function painted(id: string): Attachment {
  return () => {
    if (id in marks) return;
    if (fresh.size === 0) requestAnimationFrame(mark);
    fresh.add(id);
    return () => void fresh.delete(id);
  };
}
