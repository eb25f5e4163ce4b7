import { describe, expect, it } from 'vitest';
import type { Recorded } from '../../wire/cases';
import type { Line } from '../../wire/types';
import { withActs } from './acts';

const at = (minute: number) => `2026-03-02T09:${String(minute).padStart(2, '0')}:00.000Z`;
const read = (minute: number) => ({ id: `r${minute}`, kind: 'access', time: at(minute) }) as Line;
const told = (minute: number, monitor = 'act 7') =>
  ({ id: `t${minute}`, kind: 'act', time: at(minute), source: { monitor } }) as Line;
const act = (number: number, minute: number) =>
  ({ number, time: at(minute), text: '', act: { kind: 'comment' } }) as Recorded;

describe('acts among the lines', () => {
  function check(lines: Line[], acts: Recorded[], whole: boolean, expected: string) {
    expect(withActs(lines, acts, whole).map((line) => line.id).join(' ')).toBe(expected);
  }
  it('stand where they were done', () =>
    check([read(1), read(5)], [act(7, 3)], true, 'r1 act-7 r5'));
  it('stand there once, whoever told them', () =>
    check([read(1), told(3), read(5)], [act(7, 3)], true, 'r1 act-7 r5'));
  it('leave what the monitor did by itself where it is', () =>
    check([read(1), told(2, 'joined 1f'), read(5)], [act(7, 3)], true, 'r1 t2 act-7 r5'));
  it('wait for the pages before them', () =>
    check([read(1), read(5)], [act(7, 3), act(8, 9)], false, 'r1 act-7 r5'));
});
