/** Clocks in words. */

import { span } from '../format/time';
import type { Case, ClockState } from '../wire/cases';

export const clockStateWord: Record<ClockState, string> = {
  waiting: 'Not begun',
  running: 'Running',
  warned: 'Runs out soon',
  overdue: 'Overdue',
  met: 'Sent in time',
  late: 'Sent late',
  void: 'Void: no breach',
};

/** Whether a clock was warned of under which nobody was told since; of what is no breach none runs. */
export function runsOut({ aware, notified, resolution, warned }: Pick<Case, 'aware' | 'notified' | 'resolution' | 'warned'>): boolean {
  if (resolution !== null && resolution !== 'true_positive') return false;
  return warned.some(
    ([regime, phase]) =>
      aware.some(({ regimes }) => regimes.includes(regime)) &&
      !notified.some((told) => told.regime === regime && told.phase === phase),
  );
}

const H_MS = 3_600_000;

/** `71:59:08` while it runs, whatever the days; `1 h 04 min over` afterwards. */
export function timeLeft(ms: number): string {
  if (ms < 0) return `${span(-ms)} over`;
  if (ms >= 100 * H_MS) return span(ms);
  const s = Math.floor(ms / 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
