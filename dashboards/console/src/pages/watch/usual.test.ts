import { describe, expect, it } from 'vitest';
import { againstUsual } from './usual';

const hour = (elapsed: number, reads: number, usual: number | null) =>
  againstUsual({ start: '2026-03-02T09:00:00.000Z', elapsed, basis: 'day', known: 1, categories: [{ category: 'travel', reads, usual }] })[0];

describe('the hour against the usual', () => {
  it('compares with as much of a usual hour as has passed', () => {
    expect(hour(0.5, 100, 200)).toMatchObject({ times: 1, much: false, width: 100, mark: 100 });
    expect(hour(0.5, 400, 200)).toMatchObject({ times: 4, much: true, mark: 25 });
    expect(hour(0.25, 25, 200)).toMatchObject({ times: 0.5, width: 50, mark: 100 });
  });
  it('makes nothing of a few reads more, nor of the first minutes', () => {
    expect(hour(0.5, 12, 4)?.much).toBe(false);
    expect(hour(0.001, 12, 200)?.times).toBeCloseTo(1.2);
  });
  it('claims nothing where nothing is known', () => {
    expect(hour(0.5, 300, null)).toMatchObject({ times: null, much: false, mark: null });
    expect(hour(0.5, 300, 0)).toMatchObject({ times: null, much: true, mark: 0 });
  });
});
