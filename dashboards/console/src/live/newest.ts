/** Short lists of the newest, kept up one by one. */

import type { Case } from '../wire/cases';
import type { Finding, Incident } from '../wire/types';

const NEWEST_MAX = 30;

/** Signals and absorbed incidents are not shown to people who watch. */
export function upsertIncident(list: readonly Incident[], incident: Incident): Incident[] {
  const known = list.find((item) => item.id === incident.id);
  if (known && known.updated > incident.updated) return [...list];
  const rest = list.filter((item) => item.id !== incident.id);
  if (incident.status === 'signal' || incident.status === 'merged') return rest;
  return newest([...rest, incident], (item) => item.updated);
}

export function upsertFinding(list: readonly Finding[], finding: Finding): Finding[] {
  const rest = list.filter((item) => item.id !== finding.id);
  return newest([...rest, finding], (item) => item.time);
}

/** The incident with this case, unless it has a later one. */
export function newerCase<T extends Incident>(incident: T, about: Case): T {
  return about.revision < incident.case.revision ? incident : { ...incident, case: about };
}

/** RFC 3339 in UTC with milliseconds sorts as text. */
function newest<T extends { id: string }>(list: T[], time: (item: T) => string): T[] {
  return list
    .sort((a, b) => time(b).localeCompare(time(a)) || a.id.localeCompare(b.id))
    .slice(0, NEWEST_MAX);
}
