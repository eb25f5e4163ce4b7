import { expect, it } from 'vitest';
import { timeLeft } from './clocks';

const H = 3_600_000;

it('counts hours, minutes and seconds down', () => {
  expect(timeLeft(72 * H - 1)).toBe('71:59:59');
  expect(timeLeft(61_000)).toBe('00:01:01');
  expect(timeLeft(0)).toBe('00:00:00');
});
it('says days where hours say little', () => expect(timeLeft(30 * 24 * H)).toBe('30 d'));
it('says by how much it is over', () => expect(timeLeft(-64 * 60_000)).toBe('1 h 04 min over'));
