import type { Backend } from "../backend/backend";
import type { Toasts } from "./toasts.svelte";

/** A like shows at once, through `mark`, and is put right when it fails. */
export async function like(
  backend: Backend,
  toasts: Toasts,
  mark: (id: string, on: boolean) => void,
  id: string,
  on: boolean,
): Promise<void> {
  mark(id, on);
  try {
    await backend.like(id, on);
  } catch (failure) {
    mark(id, !on);
    toasts.fail(failure);
  }
}
