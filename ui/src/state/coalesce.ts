/**
 * Runs `work` at once, then at most once every `gap` milliseconds, and never twice at the same time: a burst of
 * changes costs one reading at its beginning and one at its end, and a single change is shown without delay.
 */
export function coalesce(work: () => Promise<void>, gap: number): () => void {
  let running = false;
  let again = false;

  async function run(): Promise<void> {
    running = true;
    again = false;
    const began = performance.now();
    try {
      await work();
    } finally {
      const rest = Math.max(0, gap - (performance.now() - began));
      setTimeout(() => {
        running = false;
        if (again) void run();
      }, rest);
    }
  }

  return () => {
    if (running) again = true;
    else void run();
  };
}
