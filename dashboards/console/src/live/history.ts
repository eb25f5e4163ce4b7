/** The last minutes of the counters, for the charts. A gap in the stream stays a gap in the chart. */

import type { Stats } from '../wire/types';

/** Ten minutes at one a second. */
export const SAMPLES_MAX = 600;
/** Two samples further apart than this had an outage between them. */
const GAP_MS = 4_000;

export interface Sample {
  timeMs: number;
  /** `null` marks a gap. */
  stats: Stats | null;
}

export function append(history: readonly Sample[], stats: Stats, nowMs: number): Sample[] {
  const last = history.at(-1);
  const kept = history.slice(-(SAMPLES_MAX - 2));
  if (last && nowMs - last.timeMs > GAP_MS) kept.push({ timeMs: last.timeMs + 1, stats: null });
  kept.push({ timeMs: nowMs, stats });
  return kept;
}

/** Columns as uPlot wants them: seconds, then one series a picked number. */
export function series(
  history: readonly Sample[],
  ...picks: ((stats: Stats) => number)[]
): [number[], ...(number | null)[][]] {
  return [
    history.map((sample) => sample.timeMs / 1000),
    ...picks.map((pick) => history.map((sample) => (sample.stats ? pick(sample.stats) : null))),
  ];
}

/**
 * How much a counter grew a second over the last `overMs`. `null` without two samples to compare,
 * or when the counter fell: the server was started anew.
 */
export function rate(
  history: readonly Sample[],
  pick: (stats: Stats) => number,
  overMs: number,
): number | null {
  const last = history.at(-1);
  if (!last?.stats) return null;
  const first = history.find(
    (sample) => sample.stats !== null && last.timeMs - sample.timeMs <= overMs,
  );
  if (!first?.stats || first.timeMs === last.timeMs) return null;
  const grown = pick(last.stats) - pick(first.stats);
  return grown < 0 ? null : (grown * 1000) / (last.timeMs - first.timeMs);
}

/** Records taken in but in none of the outcomes. 0 when the ledger balances. */
export function imbalance(records: Stats['records']): number {
  return (
    records.in - records.scored - records.late - records.duplicate - records.dead_lettered
  );
}
