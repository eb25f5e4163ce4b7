import { describe, expect, it } from 'vitest';
import type { Finding, Line } from '../../wire/types';
import { actorsOf, HOURS_MAX, HOUR_MS, hoursOf } from './hours';

const START = Date.parse('2026-03-02T08:00:00Z');
const at = (hour: number) => new Date(START + hour * HOUR_MS).toISOString();
const finding = (hour: number, actor: string, usual: [number, number, number][]) =>
  ({ time: at(hour), actor, usual: usual.map(([h, median, p99]) => ({ start: at(h), median, p99 })) }) as Finding;
const line = (from: number, to: number, subjects: number, actor = 'ann', kind = 'access') =>
  ({ kind, actor, time: at(from), until: at(to), subjects }) as Line;
const shown = (findings: Finding[], lines: Line[]) =>
  hoursOf(findings, lines, 'ann')
    .map((hour) => `${(hour.startMs - START) / HOUR_MS}: ${hour.median}/${hour.p99} ${hour.observed}`)
    .join('; ');

describe('hours', () => {
  it('put what was seen beside what was expected', () =>
    expect(shown([finding(2.5, 'ann', [[0, 3, 9], [1, 4, 11], [2, 4, 12]])], [line(1.2, 1.4, 5), line(2.1, 2.2, 80)])).toBe(
      '0: 3/9 null; 1: 4/11 5; 2: 4/12 80',
    ));
  it('divide what runs on into the next hour', () =>
    expect(shown([finding(2, 'ann', [[1, 4, 11]])], [line(0.5, 1.5, 10)])).toBe('0: null/null 5; 1: 4/11 5'));
  it('know nothing between being told and being seen, and zero between two reads', () =>
    expect(shown([finding(9, 'ann', [[0, 1, 2]])], [line(1, 1.1, 4), line(3, 3.1, 4)])).toBe(
      '0: 1/2 null; 1: null/null 4; 2: null/null 0; 3: null/null 4',
    ));
  it('take the later word', () =>
    expect(shown([finding(3, 'ann', [[0, 5, 6]]), finding(1, 'ann', [[0, 1, 2]])], [])).toBe('0: 5/6 null'));
  it('are of one actor and of reads alone', () =>
    expect(shown([finding(1, 'ann', [[0, 1, 2]])], [line(0.1, 0.2, 7, 'bob'), line(0.1, 0.2, 7, 'ann', 'auth')])).toBe('0: 1/2 null'));
  it('are none where nothing was learned', () => expect(shown([finding(1, 'bob', [[0, 1, 2]])], [line(0, 0.1, 1)])).toBe(''));
  it('are the last three days', () =>
    expect(hoursOf([finding(0, 'ann', [[0, 1, 2]])], [line(200, 200, 1)], 'ann')).toHaveLength(HOURS_MAX));
});

it('actors with most findings come first', () =>
  expect(actorsOf([finding(0, 'a', [[0, 1, 2]]), finding(1, 'b', [[0, 1, 2]]), finding(2, 'b', [[0, 1, 2]]), finding(3, 'c', [])])).toEqual(['b', 'a']));
