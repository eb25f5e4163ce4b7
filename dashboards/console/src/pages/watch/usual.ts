/** The hour's reads against what is usual by now. */

import type { HourStats } from '../../wire/types';

/** From here on it is worth a look: so many times the usual, and at least so many reads more. */
const MUCH_TIMES = 2;
const MUCH_MORE = 20;
/** An hour that has hardly begun is compared with this share of a usual one. */
const ELAPSED_MIN = 0.05;

export interface Against {
  category: string;
  reads: number;
  /** Times the usual by now; null where none is known, or nothing is usual. */
  times: number | null;
  much: boolean;
  /** Of 100: the reads, and where the usual stands. */
  width: number;
  mark: number | null;
}

export function againstUsual(hour: HourStats): Against[] {
  const share = Math.max(hour.elapsed, ELAPSED_MIN);
  const rows = hour.categories.map(({ category, reads, usual }) => ({
    category,
    reads,
    usual: usual === null ? null : usual * share,
  }));
  const most = Math.max(1, ...rows.map(({ reads, usual }) => Math.max(reads, usual ?? 0)));
  return rows.map(({ category, reads, usual }) => ({
    category,
    reads,
    times: usual === null || usual === 0 ? null : reads / usual,
    much: usual !== null && reads >= MUCH_TIMES * usual && reads - usual >= MUCH_MORE,
    width: (reads / most) * 100,
    mark: usual === null ? null : (usual / most) * 100,
  }));
}
