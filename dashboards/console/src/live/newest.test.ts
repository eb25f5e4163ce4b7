import { describe, expect, it } from 'vitest';
import type { Finding, Incident } from '../wire/types';
import { newerCase, upsertFinding, upsertIncident } from './newest';

const at = (minute: number) => `2026-03-02T09:${String(minute).padStart(2, '0')}:00.000Z`;
const incident = (id: string, minute: number, status = 'open') =>
  ({ id, updated: at(minute), status }) as Incident;

/** `a5 b7` are incidents a and b, updated in minute 5 and 7. */
function check(steps: Incident[], expected: string) {
  const list = steps.reduce<Incident[]>(upsertIncident, []);
  expect(list.map((i) => `${i.id}${Number(i.updated.slice(14, 16))}`).join(' ')).toBe(expected);
}

describe('the newest incidents', () => {
  it('come newest first', () => check([incident('a', 5), incident('b', 7)], 'b7 a5'));
  it('move up when they change', () =>
    check([incident('a', 5), incident('b', 7), incident('a', 9)], 'a9 b7'));
  it('do not go back in time', () => check([incident('a', 9), incident('a', 5)], 'a9'));
  it('leave when they are absorbed', () =>
    check([incident('a', 5), incident('b', 7), incident('a', 8, 'merged')], 'b7'));
  it('are no signals', () => check([incident('a', 5, 'signal')], ''));
  it('are capped', () => {
    const many = Array.from({ length: 59 }, (_, n) => incident(`i${n}`, n));
    expect(many.reduce<Incident[]>(upsertIncident, []).length).toBe(30);
  });
});

describe('a case', () => {
  const held = { id: 'a', case: { revision: 3, state: 'contained' } } as Incident;
  const check = (revision: number, state: string) =>
    expect(newerCase(held, { ...held.case, revision, state: 'resolved' }).case.state).toBe(state);
  it('goes forward', () => check(4, 'resolved'));
  it('does not go back', () => check(2, 'contained'));
});

describe('the newest findings', () => {
  it('hold each finding once', () => {
    const finding = { id: 'f', time: at(1) } as Finding;
    expect(upsertFinding(upsertFinding([], finding), finding).length).toBe(1);
  });
});
