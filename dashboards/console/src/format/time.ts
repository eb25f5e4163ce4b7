/** Times, always UTC and always said to be. */

const MS = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `2026-03-02`. */
export function day(time: string | number | Date): string {
  return iso(time).slice(0, 10);
}

/** `09:14:07`, or with milliseconds `09:14:07.123`. */
export function clock(time: string | number | Date, withMillis = false): string {
  return iso(time).slice(11, withMillis ? 23 : 19);
}

/** `2026-03-02 09:14:07`. The zone is stated where it is shown. */
export function dayAndClock(time: string | number | Date): string {
  const text = iso(time);
  return text === '' ? '–' : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

function iso(time: string | number | Date): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

/** `8 s`, `4 min`, `2 h`, `2 h 05 min`, `3 d 4 h`. */
export function span(ms: number): string {
  const total = Math.max(0, ms);
  if (!Number.isFinite(total)) return '–';
  if (total < MS.min) return `${Math.floor(total / MS.s)} s`;
  if (total < MS.h) return `${Math.floor(total / MS.min)} min`;
  if (total < MS.d) {
    const minutes = Math.floor((total % MS.h) / MS.min);
    const hours = `${Math.floor(total / MS.h)} h`;
    return minutes > 0 ? `${hours} ${String(minutes).padStart(2, '0')} min` : hours;
  }
  const [days, hours] = [Math.floor(total / MS.d), Math.floor((total % MS.d) / MS.h)];
  return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
}

/**
 * When something happened: `now`, `8 s ago`, and the date and time where that says more. Event time
 * need not be near the clock on the wall: a day played back lies anywhere.
 */
export function when(time: string, nowMs: number): string {
  const ms = nowMs - Date.parse(time);
  if (Number.isNaN(ms)) return '–';
  if (ms >= MS.d || ms < -2 * MS.s) return dayAndClock(time).slice(0, 16);
  return ms < 2 * MS.s ? 'now' : `${span(ms)} ago`;
}

/** `2026-03-02 09:14`, with seconds or a `T` and `Z` too: ms since the epoch. Always read as UTC. */
export function parseUtc(text: string): number | null {
  const parts = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?Z?$/.exec(text.trim());
  if (!parts) return null;
  const ms = Date.parse(`${parts[1]}T${parts[2] ?? '00:00'}Z`);
  return Number.isNaN(ms) ? null : ms;
}
