import { describe, expect, it } from 'vitest';
import type { Case, Recorded, State } from '../wire/cases';
import { changedMeanwhile, restsOnCase, steps, told, undoable } from './steps';

describe('the next steps', () => {
  const check = (state: State, expected: string) =>
    expect(steps(state).map((step) => step.kind).join(' ')).toBe(expected);
  it('of a new one', () => check('new', 'acknowledge investigate resolve'));
  it('of an acknowledged one', () => check('acknowledged', 'investigate contain resolve'));
  it('of one under investigation', () => check('investigating', 'contain resolve'));
  it('of a contained one', () => check('contained', 'investigate resolve'));
  it('of a resolved one', () => check('resolved', 'reopen'));
});

describe('what can be undone', () => {
  /** `acknowledge assign undo:1`: acts 1, 2, 3. */
  function check(kinds: string, expected: string) {
    const acts = kinds.split(' ').map((word, at) => {
      const [kind, act] = word.split(':');
      return { number: at + 1, origin: 'i', act: { kind, act: Number(act) } } as Recorded;
    });
    expect([...undoable(acts)].sort().join(' ')).toBe(expected);
  }
  it('is the last step and the last assignment', () =>
    check('acknowledge assign investigate assign', '3 4'));
  it('is every comment and link', () => check('comment link comment', '1 2 3'));
  it('is the step before, once the last was undone', () =>
    check('acknowledge investigate undo:2', '1'));
  it('is not what the monitor does', () => check('acknowledge clock_warned absorbed', '1'));
});

describe('what an act rests on', () => {
  it('is the case for a step, and nothing for a comment', () => {
    expect(restsOnCase({ kind: 'contain' })).toBe(true);
    expect(restsOnCase({ kind: 'comment', text: 'x' })).toBe(false);
  });
});

describe('what is told', () => {
  it('names who and what', () => {
    expect(told({ kind: 'assign', to: 'ben' })).toBe('Assigned to ben');
    expect(told({ kind: 'assign', to: null })).toBe('Assigned to nobody');
    expect(told({ kind: 'resolve', resolution: 'false_positive', note: null })).toBe('Resolved as false positive');
  });
  it('says who was faster', () => {
    expect(changedMeanwhile({ changed_by: 'ben' } as Case)).toContain('ben changed');
    expect(changedMeanwhile(null)).toContain('was changed meanwhile');
  });
});
