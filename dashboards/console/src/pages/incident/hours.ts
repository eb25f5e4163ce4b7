/** An actor's reads by hour against what was expected, from findings and timeline lines. */

import type { Finding, Line, UsualHour } from '../../wire/types';

export const HOUR_MS = 3_600_000;
/** Hours drawn at most: the last of them. */
export const HOURS_MAX = 72;

export interface Hour {
  startMs: number;
  /** Null where no detector that has learned the actor has said. */
  median: number | null;
  p99: number | null;
  /** Null where nothing is kept of the hour: before the timelines begin, and after they end. */
  observed: number | null;
}

/** What the findings know of an actor's hours; where two speak of one hour, the later finding's word. */
export function expectedOf(findings: readonly Finding[], actor: string): Map<number, UsualHour> {
  const hours = new Map<number, UsualHour>();
  const own = findings.filter((finding) => finding.actor === actor && (finding.usual?.length ?? 0) > 0);
  for (const { usual } of own.toSorted((a, b) => a.time.localeCompare(b.time))) {
    for (const hour of usual ?? []) hours.set(Date.parse(hour.start), hour);
  }
  return hours;
}

/**
 * People and consignments read, hour by hour. Lines are folds of up to an hour: one that runs on
 * into the next hour is divided by time, and who stands in two lines is counted twice.
 */
export function observedOf(lines: readonly Line[], actor: string): Map<number, number> {
  const hours = new Map<number, number>();
  for (const line of lines) {
    if (line.kind !== 'access' || line.actor !== actor) continue;
    const from = Date.parse(line.time);
    const to = Date.parse(line.until);
    const lasted = Math.max(to - from, 1);
    for (let hour = floor(from); hour <= to; hour += HOUR_MS) {
      const within = Math.min(to, hour + HOUR_MS) - Math.max(from, hour);
      const share = to === from ? 1 : within / lasted;
      hours.set(hour, (hours.get(hour) ?? 0) + line.subjects * share);
    }
  }
  return hours;
}

function floor(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

/** Every hour of either, without a hole, the last ones. */
export function hoursOf(findings: readonly Finding[], lines: readonly Line[], actor: string): Hour[] {
  const expected = expectedOf(findings, actor);
  const observed = observedOf(lines, actor);
  if (expected.size === 0) return [];
  const seen = [...observed.keys()];
  const [first, last] = [Math.min(...seen), Math.max(...seen)];
  const all = [...expected.keys(), ...seen];
  const end = Math.max(...all);
  const start = Math.max(Math.min(...all), end - (HOURS_MAX - 1) * HOUR_MS);
  const hours: Hour[] = [];
  for (let startMs = start; startMs <= end; startMs += HOUR_MS) {
    const usual = expected.get(startMs);
    hours.push({
      startMs,
      median: usual?.median ?? null,
      p99: usual?.p99 ?? null,
      observed: seen.length > 0 && startMs >= first && startMs <= last ? (observed.get(startMs) ?? 0) : null,
    });
  }
  return hours;
}

/** Actors there is something to draw of, the ones with most findings first. */
export function actorsOf(findings: readonly Finding[]): string[] {
  const counts = new Map<string, number>();
  for (const { actor, usual } of findings) {
    if (actor !== null && (usual?.length ?? 0) > 0) counts.set(actor, (counts.get(actor) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([actor]) => actor);
}
