/** The present, for times in words. Moves every twenty seconds, and at once when the window is looked at again. */
class Clock {
  now = $state(Date.now());

  /** Starts to move; ends with the returned function. */
  start(): () => void {
    const move = (): void => {
      this.now = Date.now();
    };
    const timer = setInterval(move, 20_000);
    document.addEventListener("visibilitychange", move);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", move);
    };
  }
}

export const clock = new Clock();
