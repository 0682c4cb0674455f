/** Times in words. Pure: the present is an argument. */
import { words } from "../words/en";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The last instant a date can stand for (ECMA-262, 21.4.1.1). */
const LAST = 8.64e15;

const dayInYear = new Intl.DateTimeFormat(words.time.locale, { day: "numeric", month: "long" });
const dayOfYear = new Intl.DateTimeFormat(words.time.locale, { day: "numeric", month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat(words.time.locale, { dateStyle: "full", timeStyle: "short" });

function readable(time: number | null): time is number {
  return time !== null && Number.isFinite(time) && Math.abs(time) <= LAST;
}

/** Midnight that began the local day of `time`. */
function dayOf(time: number): number {
  const date = new Date(time);
  date.setHours(0, 0, 0, 0);
  return date.getTime();
}

/** `just now`, `4 minutes ago`, `yesterday`, `12 November`: how long before `now` (both Unix milliseconds) `time` was. */
export function ago(time: number | null, now: number): string {
  if (!readable(time)) return words.time.unknown;
  const since = now - time;
  if (since < 45_000) return words.time.now;
  if (since < 59.5 * MINUTE) return words.time.minutes(Math.max(1, Math.round(since / MINUTE)));
  if (since < 20 * HOUR && (dayOf(time) === dayOf(now) || since < 6 * HOUR)) return words.time.hours(Math.max(1, Math.floor(since / HOUR)));
  // Rounded, because a day of the change to summer time has 23 hours.
  const days = Math.round((dayOf(now) - dayOf(time)) / DAY);
  if (days <= 1) return words.time.yesterday;
  if (days < 7) return words.time.days(days);
  return new Date(time).getFullYear() === new Date(now).getFullYear() ? dayInYear.format(time) : dayOfYear.format(time);
}

/** The full date and time, for whoever points at the words. */
export function exactly(time: number | null): string {
  return readable(time) ? exact.format(time) : words.time.unknown;
}

/** For `<time datetime>`; nothing where the time cannot be read. */
export function machineTime(time: number | null): string | undefined {
  return readable(time) ? new Date(time).toISOString() : undefined;
}
