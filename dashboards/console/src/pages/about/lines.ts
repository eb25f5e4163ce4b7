/** What is told of one actor, address, dataset, session or subject, from the timelines of several incidents. */

import { origin } from '../../format/words';
import type { Line } from '../../wire/types';

export interface Told extends Line {
  /** Whose timeline the line comes from: there its fold opens. */
  incident: string;
}

/** In order of time; what two incidents tell of the same event stands once. */
export function linesOf(timelines: readonly { incident: string; lines: readonly Line[] }[]): Told[] {
  const known = new Map<string, Told>();
  for (const { incident, lines } of timelines) {
    for (const line of lines) {
      if (line.kind === 'severity' || line.kind === 'act') continue;
      const key = `${line.kind} ${line.time} ${line.until} ${line.finding ?? origin(line.source)}`;
      // Ids are unique within an incident only.
      if (!known.has(key)) known.set(key, { ...line, id: `${incident}-${line.id}`, incident });
    }
  }
  return [...known.values()].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** The single lines of the past, and what was found meanwhile: the incidents' reads stand in it already. */
export function withPast(told: readonly Told[], past: readonly Line[]): Told[] {
  const read = { incident: '', lines: past };
  const found = told.filter((line) => line.kind === 'finding').map((line) => ({ incident: line.incident, lines: [line] }));
  return linesOf([read, ...found]);
}
