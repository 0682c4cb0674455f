/**
 * The keys of the window: `j` and `k` walk through the posts, `r` answers, `l` likes, `.` shows what is new,
 * `/` and Ctrl + K search, Esc goes back, `?` shows them all (`parts/Keys.svelte`).
 */

/** What keys do that is not done on the screen itself. */
export interface Ways {
  /** To where the person came from. */
  back: () => void;
  /** To where they search. */
  search: () => void;
  /** To the list of keys. */
  keys: () => void;
}

/** Whether somebody writes there, or looks at what they are writing. */
function writing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest("input, textarea, select, [data-preview]") !== null);
}

/** The post that has the keyboard, or holds the control that has it. */
function current(): HTMLElement | null {
  return document.activeElement?.closest<HTMLElement>("[data-post]") ?? null;
}

function step(by: 1 | -1): void {
  const posts = [...document.querySelectorAll<HTMLElement>("[data-post]")];
  const at = current() ? posts.indexOf(current() as HTMLElement) : -1;
  // Above the first thing that was found stands what was asked.
  if (at === 0 && by === -1 && posts[0]?.closest("[data-found]")) {
    document.querySelector<HTMLElement>("[data-testid=search-text]")?.focus();
    return;
  }
  // With none chosen, begin at the first that is in sight.
  const next = at === -1 ? posts.findIndex((post) => post.getBoundingClientRect().bottom > 80) : at + by;
  const post = posts[Math.max(0, Math.min(posts.length - 1, next))];
  post?.focus({ preventScroll: true });
  post?.scrollIntoView({ block: "nearest" });
}

function press(action: "like" | "reply"): void {
  current()?.querySelector<HTMLElement>(`[data-action=${action}]`)?.click();
}

/** Handles one key press. */
export function handleKey(event: KeyboardEvent, { back, search, keys }: Ways): void {
  const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (isCommand && event.key.toLowerCase() === "k" && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    search();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (writing(event.target) || document.querySelector("dialog[open]")) return;
  switch (event.key) {
    case "j":
      step(1);
      break;
    case "k":
      step(-1);
      break;
    case "r":
      press("reply");
      break;
    case "l":
      press("like");
      break;
    case ".":
      document.querySelector<HTMLElement>("[data-testid=new-pill]")?.click();
      break;
    case "/":
      search();
      break;
    case "?":
      keys();
      break;
    case "Escape":
      back();
      break;
    default:
      return;
  }
  event.preventDefault();
}
