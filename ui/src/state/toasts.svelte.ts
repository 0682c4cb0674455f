/** Short messages at the edge of the window: what happened, and the one thing to do next. */
import { asFailure } from "../backend/backend";
import { words } from "../words/en";

export interface Toast {
  id: number;
  message: string;
  next: string;
}

/** How many are shown at once; an older one gives way. */
const AT_ONCE = 3;
/** Long enough to read both sentences twice. */
const SHOWN_FOR = 12_000;

export class Toasts {
  all = $state.raw<Toast[]>([]);
  private last = 0;

  /** Says that something did not work. */
  fail(thrown: unknown): void {
    const { code, message, next } = asFailure(thrown, words.unknownFailure);
    if (code === "internal") console.error(thrown);
    this.show(message, next);
  }

  dismiss(id: number): void {
    this.all = this.all.filter((toast) => toast.id !== id);
  }

  private show(message: string, next: string): void {
    const id = ++this.last;
    const others = this.all.filter((toast) => toast.message !== message);
    this.all = [...others, { id, message, next }].slice(-AT_ONCE);
    setTimeout(() => this.dismiss(id), SHOWN_FOR);
  }
}
