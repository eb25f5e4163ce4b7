/** Who is furthest above what is usual for them. */

import type { Finding } from '../../wire/types';

/** Before the newest finding. */
const WITHIN_MS = 86_400_000;

export interface Mover {
  finding: Finding;
  /** Observed against expected, at least one of it. */
  times: number;
}

/** Each once, with the finding that says most, the furthest above first. */
export function movers(findings: readonly Finding[], most: number): Mover[] {
  const newestMs = Math.max(...findings.map(({ time }) => Date.parse(time)));
  const best = new Map<string, Mover>();
  for (const finding of findings) {
    const times = finding.observed / Math.max(finding.expected, 1);
    if (newestMs - Date.parse(finding.time) > WITHIN_MS || times <= 1) continue;
    const name = `${finding.key.kind} ${finding.key.value}`;
    const known = best.get(name);
    if (!known || known.times < times) best.set(name, { finding, times });
  }
  return [...best.values()].sort((a, b) => b.times - a.times).slice(0, most);
}
