/** Whether somebody uses this window now, for those near: only that, and only while it is so. */
import type { Backend, Unsubscribe } from "../backend/backend";

/** How long after the last key or movement somebody still counts as being here, in milliseconds. */
const LINGERS = 120_000;
/** What shows that somebody is here. */
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "focus"] as const;

export class Attention {
  private attended = false;
  /** What is told, one after the other. */
  private told: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastSign = 0;

  constructor(private readonly backend: Backend) {}

  start(): Unsubscribe {
    const sign = (): void => this.sign();
    const leave = (): void => this.set(false);
    const turn = (): void => (document.hidden ? leave() : sign());
    for (const event of SIGNS) window.addEventListener(event, sign, { passive: true });
    window.addEventListener("blur", leave);
    document.addEventListener("visibilitychange", turn);
    sign();
    // A page that was there before may have said otherwise.
    if (!this.attended) this.tell();
    return () => {
      for (const event of SIGNS) window.removeEventListener(event, sign);
      window.removeEventListener("blur", leave);
      document.removeEventListener("visibilitychange", turn);
      leave();
    };
  }

  /** Somebody did something. The window may have been shown without being chosen: then it is not for them. */
  private sign(): void {
    if (document.hidden || !document.hasFocus()) return;
    this.lastSign = Date.now();
    if (!this.attended) this.set(true);
    this.timer ??= setTimeout(() => this.look(), LINGERS);
  }

  /** One timer for many signs. */
  private look(): void {
    this.timer = undefined;
    const left = this.lastSign + LINGERS - Date.now();
    if (left <= 0) this.set(false);
    else this.timer = setTimeout(() => this.look(), left);
  }

  private set(attended: boolean): void {
    if (this.attended === attended) return;
    this.attended = attended;
    if (!attended) {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
    this.tell();
  }

  private tell(): void {
    const attended = this.attended;
    // A failure is said to nobody: whoever closes the window does not care, and the next sign says it again.
    this.told = this.told.then(() => this.backend.attend(attended)).catch(() => {
      if (this.attended === attended) this.attended = !attended;
    });
  }
}
