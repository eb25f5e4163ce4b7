import { describe, expect, it } from 'vitest';
import type { Matcher } from '../wire/silences';
import { about, matcherOf, moment, neverHeld, stateAt } from './silences';

const NOW = Date.parse('2026-03-02T09:00:00Z');
const at = (text: string) => {
  const ms = moment(text, NOW);
  return ms === null ? null : new Date(ms).toISOString().slice(0, 16);
};

describe('what a silence is about', () => {
  const check = (match: Matcher, expected: string) => expect(about(match)).toBe(expected);
  it('names what narrows it', () =>
    check({ actor: ['off-1', 'off-2'], detector: ['bulk_read'] }, 'Actor off-1 or off-2 · Detector Bulk read'));
  it('says how far up it holds', () => {
    check({ severity: ['informational', 'low', 'medium'] }, 'up to Medium');
    check({ severity: ['medium', 'high'] }, 'Medium or High');
    check({ severity: ['informational'] }, 'Info');
  });
  it('leaves out empty lists', () => check({ actor: [], sink: ['desk'] }, 'Told to desk'));
});

describe('until when', () => {
  it('takes lengths and times', () => {
    expect(at('2h')).toBe('2026-03-02T11:00');
    expect(at('90 min')).toBe('2026-03-02T10:30');
    expect(at('1w')).toBe('2026-03-09T09:00');
    expect(at('2026-03-02 18:00')).toBe('2026-03-02T18:00');
  });
  it('takes nothing else', () => {
    for (const text of ['', 'soon', '2', '2 y', '-1h', '18:00']) expect(at(text)).toBeNull();
  });
});

it('reads what somebody typed', () =>
  expect(matcherOf({ actor: ' off-1,off-2 , off-1', sink: '', severity: 'medium,high' })).toEqual({
    actor: ['off-1', 'off-2'],
    severity: ['medium', 'high'],
  }));

it('knows what was ended before it began', () => {
  const silence = (ends: string) => ({ from: '2026-03-02T10:00:00Z', ends: `2026-03-02T${ends}:00Z` });
  expect(['09:30', '10:00', '10:01'].map((ends) => neverHeld(silence(ends)))).toEqual([true, true, false]);
});

it('goes by the clock', () => {
  const silence = { from: '2026-03-02T10:00:00Z', ends: '2026-03-02T11:00:00Z' };
  const states = ['09:59', '10:00', '11:00'].map((time) => stateAt(silence, Date.parse(`2026-03-02T${time}:00Z`)));
  expect(states).toEqual(['pending', 'active', 'expired']);
});
