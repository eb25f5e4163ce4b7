import { describe, expect, it } from 'vitest';
import type { Stats } from '../wire/types';
import { append, imbalance, rate, SAMPLES_MAX, series, type Sample } from './history';

function stats(scored: number): Stats {
  return {
    events_per_second: scored,
    records: { in: scored, scored, late: 0, duplicate: 0, dead_lettered: 0 },
  } as Stats;
}

function history(...points: [number, number][]): Sample[] {
  return points.reduce<Sample[]>((past, [ms, n]) => append(past, stats(n), ms), []);
}

describe('the history of the counters', () => {
  it('keeps at most ten minutes', () => {
    const points = Array.from({ length: 900 }, (_, n): [number, number] => [n * 1000, n]);
    const kept = history(...points);
    expect(kept.length).toBeLessThanOrEqual(SAMPLES_MAX);
    expect(kept.at(-1)?.timeMs).toBe(899_000);
  });
  it('marks an outage as a gap', () => {
    const [times, values] = series(history([0, 5], [1000, 6], [60_000, 7]), (s) => s.records.in);
    expect(times).toEqual([0, 1, 1.001, 60]);
    expect(values).toEqual([5, 6, null, 7]);
  });
  it('tells the growth a second', () => {
    const past = history([0, 100], [1000, 110], [2000, 140]);
    expect(rate(past, (s) => s.records.in, 60_000)).toBe(20);
    expect(rate(past, (s) => s.records.in, 1000)).toBe(30);
  });
  it('tells no growth from one sample, nor over a restart', () => {
    expect(rate(history([0, 5]), (s) => s.records.in, 60_000)).toBeNull();
    expect(rate(history([0, 500], [1000, 3]), (s) => s.records.in, 60_000)).toBeNull();
  });
  it('finds what the ledger lost', () => {
    const records = { in: 100, scored: 90, late: 4, duplicate: 3, dead_lettered: 2 };
    expect(imbalance(records)).toBe(1);
    expect(imbalance({ ...records, scored: 91 })).toBe(0);
  });
});
