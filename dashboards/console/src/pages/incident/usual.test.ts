import { describe, expect, it } from 'vitest';
import type { Finding } from '../../wire/types';
import { compared, USUAL } from './usual';

const finding = (detector: string, observed: number, expected: number, unit = 'subjects') =>
  ({ id: `${detector}-${observed}`, detector, rule: null, observed, expected, unit, score: 50 }) as Finding;

describe('the usual against now', () => {
  function check(findings: Finding[], rows: string) {
    expect(compared(findings).map((row) => `${row.finding.id} ${row.times}`).join('; ')).toBe(rows);
  }
  it('takes what was farthest of each detector and unit', () =>
    check([finding('a', 20, 10), finding('a', 90, 10), finding('b', 50, 10)], 'a-90 9; b-50 5'));
  it('tells units apart', () => check([finding('a', 20, 10), finding('a', 30, 10, 'bytes')], 'a-30 3; a-20 2'));
  it('leaves out what was within the usual', () => check([finding('a', 9, 10), finding('a', 0, 0)], ''));
  it('puts what is never usual first', () => check([finding('a', 90, 10), finding('c', 1, 0)], 'c-1 Infinity; a-90 9'));
  it('keeps to its scale', () => {
    const [far, near] = compared([finding('a', 1e9, 1), finding('b', 10, 1)]);
    expect(far?.observed).toBe(1);
    expect(near?.observed).toBeCloseTo(USUAL + (1 - USUAL) / 3);
  });
});
