/** Before, during and after: where a line stands to the first and the last finding. */

import type { IncidentDetail, Line } from '../../wire/types';

export type Phase = 'before' | 'during' | 'after';

export const phaseWord: Record<Phase, string> = {
  before: 'Before the first finding',
  during: 'From the first finding to the last',
  after: 'After the last finding',
};

/** When the first finding was, and the last. */
export interface Found {
  readonly first: string;
  readonly last: string;
}

export function found(incident: Pick<IncidentDetail, 'first_finding' | 'finding_details'>): Found {
  const first = incident.first_finding;
  const last = incident.finding_details.reduce((last, { time }) => (time > last ? time : last), first);
  return { first, last };
}

/** By when a line begins. RFC 3339 in UTC with milliseconds sorts as text. */
export function phaseOf(line: Pick<Line, 'time'>, { first, last }: Found): Phase {
  return line.time < first ? 'before' : line.time > last ? 'after' : 'during';
}
