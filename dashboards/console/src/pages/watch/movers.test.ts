import { describe, expect, it } from 'vitest';
import type { Finding } from '../../wire/types';
import { movers } from './movers';

const finding = (value: string, time: string, observed: number, expected: number) =>
  ({ id: `${value}${time}`, time: `2026-03-02T${time}:00.000Z`, key: { kind: 'actor', value }, observed, expected }) as Finding;

const told = (findings: Finding[], most = 9) => movers(findings, most).map(({ finding, times }) => `${finding.key.value} ${times}`);

describe('top movers', () => {
  it('names each once, the furthest above the usual first', () => {
    const found = [finding('a', '09:00', 50, 10), finding('a', '09:05', 90, 10), finding('b', '09:01', 40, 4), finding('c', '09:02', 3, 0)];
    expect(told(found)).toEqual(['b 10', 'a 9', 'c 3']);
    expect(told(found, 1)).toEqual(['b 10']);
  });
  it('forgets what is a day old, and what is not above anything', () => {
    expect(told([{ ...finding('a', '08:59', 90, 1), time: '2026-03-01T08:59:00.000Z' }, finding('b', '09:00', 1, 1)])).toEqual([]);
    expect(told([])).toEqual([]);
  });
});
