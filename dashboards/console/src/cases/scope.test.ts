import { expect, it } from 'vitest';
import type { Exception } from '../wire/cases';
import { scope } from './scope';

const check = (parts: Partial<Exception>, expected: string) =>
  expect(scope(parts as Exception, (rule) => (rule === 'r1' ? 'Key made' : undefined))).toBe(expected);

it('names detector and all it is narrowed to', () =>
  check({ detector: 'bulk_read', actor: 'off-1', source: '10.0.0.7', dataset: 'pnr' }, 'Bulk read, of off-1 from 10.0.0.7 in pnr'));
it('calls a rule by its title, or else by its id', () => {
  check({ rule: 'r1', key: 'off-1' }, 'Key made, about off-1');
  check({ rule: 'r2', actor: 'off-1' }, 'rule r2, of off-1');
});
it('says so where nothing narrows it', () => check({ detector: 'canary' }, 'Canary, whatever it is about'));
