/** Acts among the lines of a timeline. */

import type { Recorded } from '../../wire/cases';
import type { Line } from '../../wire/types';

/** An act as the timeline tells it; the server's line of it has another id and the same origin. */
export function lineOf(act: Recorded): Line {
  return {
    id: `act-${act.number}`,
    time: act.time,
    until: act.time,
    folded: 1,
    fold: null,
    kind: 'act',
    action: act.act.kind,
    outcome: 'done',
    actor: null,
    session: null,
    source_ip: null,
    host: null,
    site: null,
    system: null,
    dataset: null,
    category: null,
    tier: 0,
    destination: null,
    records: 0,
    bytes: 0,
    subjects: 0,
    tokens: [],
    case: false,
    severity: null,
    finding: null,
    text: act.text,
    source: { monitor: `act ${act.number}` },
  };
}

/** Whether the line is what somebody did, and not what the monitor did by itself. */
const isTold = (line: Line) =>
  line.kind === 'act' && 'monitor' in line.source && line.source.monitor.startsWith('act ');

/**
 * The lines with every act in its place, each once. Unless these are the `whole` timeline, acts
 * behind the last line wait for the lines before them.
 */
export function withActs(lines: readonly Line[], acts: readonly Recorded[], whole: boolean): Line[] {
  const rest = lines.filter((line) => !isTold(line));
  const last = lines.at(-1)?.time ?? '';
  const own = acts.map(lineOf).filter((line) => whole || line.time <= last);
  return [...rest, ...own].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}
