import { describe, expect, it } from 'vitest';
import type { Line } from '../../wire/types';
import { linesOf, withPast } from './lines';

const line = (offset: number, kind: Line['kind'] = 'access') =>
  ({ id: `e${offset}`, kind, time: `t${offset}`, until: `t${offset}`, finding: null, source: { topic: 'access', partition: 0, offset } }) as Line;

describe('what is told of somebody', () => {
  function check(timelines: Line[][], expected: string) {
    const told = linesOf(timelines.map((lines, at) => ({ incident: `i${at}`, lines })));
    expect(told.map((each) => each.id).join(' ')).toBe(expected);
  }
  it('is put in order over incidents', () =>
    check([[line(1), line(5)], [line(3)]], 'i0-e1 i1-e3 i0-e5'));
  it('stands once, though two incidents tell it', () => check([[line(1)], [line(1)]], 'i0-e1'));
  it('is what Kafka holds, with what was found, in place of what the incidents keep', () => {
    const kept = linesOf([{ incident: 'i0', lines: [line(1), line(4), line(5, 'finding')] }]);
    const told = withPast(kept, [line(1), line(2), line(3)]);
    expect(told.map((each) => `${each.kind}${each.time}`)).toEqual(['accesst1', 'accesst2', 'accesst3', 'findingt5']);
    expect(told.at(-1)?.incident).toBe('i0');
  });
  it('is not what was made of it', () =>
    check([[line(1, 'act'), line(2, 'severity'), line(3)]], 'i0-e3'));
});
