import { describe, expect, it } from 'vitest';
import type { Case } from '../wire/cases';
import { runsOut, timeLeft } from './clocks';

const H = 3_600_000;

it('counts hours, minutes and seconds down', () => {
  expect(timeLeft(72 * H - 1)).toBe('71:59:59');
  expect(timeLeft(61_000)).toBe('00:01:01');
  expect(timeLeft(0)).toBe('00:00:00');
});
it('says days where hours say little', () => expect(timeLeft(30 * 24 * H)).toBe('30 d'));
it('says by how much it is over', () => expect(timeLeft(-64 * 60_000)).toBe('1 h 04 min over'));

describe('a clock runs out', () => {
  const about = { aware: [{ regimes: ['gdpr', 'nis2'] }], notified: [], resolution: null, warned: [['nis2', 'early_warning']] };
  const check = (change: object, expected: boolean) => expect(runsOut({ ...about, ...change } as unknown as Case)).toBe(expected);
  it('once it was warned of', () => {
    check({}, true);
    check({ warned: [] }, false);
    check({ resolution: 'true_positive' }, true);
  });
  it('not where it was sent, is no breach, or nobody is aware any more', () => {
    check({ notified: [{ regime: 'nis2', phase: 'early_warning' }] }, false);
    check({ notified: [{ regime: 'nis2', phase: 'notification' }] }, true);
    check({ resolution: 'benign' }, false);
    check({ aware: [] }, false);
  });
});
