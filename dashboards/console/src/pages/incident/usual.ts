/** What was seen against what was usual, from an incident's findings. */

import type { Finding } from '../../wire/types';

export interface Compared {
  finding: Finding;
  /** How many times the usual; infinite where nothing is. */
  times: number;
  /** Places on the common scale, 0 to 1. */
  observed: number;
  expected: number;
}

/** Largest ratio the scale has room for; what goes beyond ends at its edge. */
export const TIMES_MAX = 1000;

/**
 * One row a detector and unit, the finding that was farthest from the usual; farthest first. The
 * scale is of ratios, logarithmic, with the usual at its beginning: 1 is where what is usual ends.
 */
export function compared(findings: readonly Finding[]): Compared[] {
  const best = new Map<string, Compared>();
  for (const finding of findings) {
    if (!(finding.observed > 0) || finding.expected < 0) continue;
    const times = finding.expected > 0 ? finding.observed / finding.expected : Infinity;
    if (times <= 1) continue;
    const key = `${finding.detector} ${finding.rule ?? ''} ${finding.unit}`;
    const known = best.get(key);
    if (known && (known.times > times || (known.times === times && known.finding.observed >= finding.observed))) continue;
    best.set(key, { finding, times, observed: place(times), expected: finding.expected > 0 ? USUAL : 0 });
  }
  return [...best.values()].sort((a, b) => b.times - a.times || b.finding.score - a.finding.score);
}

/** Where the usual ends on the scale. */
export const USUAL = 0.2;

function place(times: number): number {
  const part = Math.log10(Math.min(times, TIMES_MAX)) / Math.log10(TIMES_MAX);
  return USUAL + (1 - USUAL) * part;
}
