import { describe, expect, it } from 'vitest';
import type { Kind, Line } from '../../wire/types';
import {
  bars, beyond, clusters, density, extent, hit, home, marks, msOf, overlaps, shifted, stretched, ticks, towards, wide, xOf, zoomed,
} from './strip';

const T0 = Date.parse('2026-03-02T09:00:00Z');
const at = (s: number) => new Date(T0 + s * 1000).toISOString();
const line = (from: number, to: number, kind: Kind = 'access', records = 1) =>
  ({ id: `${kind}${from}`, time: at(from), until: at(to), kind, records, folded: 1, bytes: 0, outcome: 'allowed' }) as Line;
const span = (from: number, to: number) => ({ fromMs: T0 + from * 1000, toMs: T0 + to * 1000 });
const inSeconds = (s: { fromMs: number; toMs: number }) => `${(s.fromMs - T0) / 1000}..${(s.toMs - T0) / 1000}`;

describe('the extent', () => {
  it('holds every line, with a margin', () =>
    expect(inSeconds(extent([line(100, 400), line(0, 1)])!)).toBe('-8..408'));
  it('has a width even for one moment', () => expect(inSeconds(extent([line(5, 5)])!)).toBe('4..6'));
  it('is nothing for no lines', () => expect(extent([])).toBeNull());
});

describe('places', () => {
  it('go from time to pixel and back', () => {
    expect(xOf(T0 + 25_000, span(0, 100), 400)).toBe(100);
    expect(msOf(100, span(0, 100), 400)).toBe(T0 + 25_000);
  });
  it('are wide enough to see', () => {
    const [mark] = marks([line(50, 50)], span(0, 100), 400);
    expect([mark!.x, mark!.width]).toEqual([200, 2]);
  });
  it('leave out what is not in the span, keep what reaches into it', () => {
    expect(overlaps(line(0, 10), span(20, 30))).toBe(false);
    expect(marks([line(0, 10), line(15, 25)], span(20, 30), 100).length).toBe(1);
  });
  it('weigh the largest of a lane as 1', () => {
    const weights = marks([line(1, 1, 'access', 1), line(2, 2, 'access', 999)], span(0, 9), 90);
    expect(weights[1]!.weight).toBe(1);
    expect(weights[0]!.weight).toBeLessThan(0.2);
  });
  it('put severity changes across the lanes', () =>
    expect(marks([line(1, 1, 'severity')], span(0, 9), 90)[0]!.lane).toBe(-1));
});

describe('a pointer', () => {
  const all = marks([line(0, 80), line(40, 40), line(95, 95)], span(0, 100), 100);
  it('finds the small mark before the wide one', () => expect(hit(all, 0, 41, 4)?.line.id).toBe('access40'));
  it('finds the nearest within reach', () => expect(hit(all, 0, 92, 4)?.line.id).toBe('access95'));
  it('finds nothing far away or in another lane', () => {
    expect(hit(all, 0, 87, 4)).toBeNull();
    expect(hit(all, 1, 40, 4)).toBeNull();
  });
});

describe('ticks', () => {
  it('are round and not crowded', () => {
    const found = ticks(span(-30, 1830), 400, 80);
    expect(found.map((tick) => tick.text)).toEqual(['09:00', '09:10', '09:20', '09:30']);
  });
  it('say seconds when close', () =>
    expect(ticks(span(0, 4), 400, 80).map((tick) => tick.text).slice(0, 2)).toEqual(['09:00:00', '09:00:01']));
  it('say days when far', () =>
    expect(ticks(span(0, 86_400 * 3), 300, 80).map((tick) => tick.text)).toEqual(['03-03', '03-04', '03-05']));
});

describe('looking closer', () => {
  const limits = span(0, 1000);
  it('halves around the middle', () => expect(inSeconds(zoomed(limits, 0.5, limits))).toBe('250..750'));
  it('goes to the nearest where the middle is empty, and to what was picked', () => {
    const ends = [line(0, 10), line(985, 990)];
    const closer = (lines: Line[], from: number, to: number, picked: string | null = null) =>
      inSeconds(zoomed(span(from, to), 0.5, limits, towards(lines, span(from, to), picked)));
    expect(closer(ends, 0, 1000)).toBe('492.5..992.5');
    expect(closer(ends, 0, 1000, 'access0')).toBe('2.5..502.5');
    expect(closer(ends, 0, 1000, 'access77')).toBe('492.5..992.5');
    expect(closer([...ends, line(300, 300)], 0, 1000)).toBe('250..750');
    expect(closer([line(0, 1000)], 0, 1000)).toBe('250..750');
    expect(closer([], 0, 1000)).toBe('250..750');
  });
  it('never loses the last entry, however close', () => {
    let shown = limits;
    for (let n = 0; n < 8; n++) shown = zoomed(shown, 0.5, limits, towards([line(5, 6), line(990, 990)], shown, null));
    expect(overlaps(line(990, 990), shown)).toBe(true);
  });
  it('never leaves the limits', () => {
    expect(inSeconds(zoomed(span(0, 600), 2, limits))).toBe('0..1000');
    expect(inSeconds(shifted(span(800, 1000), 0.5, limits))).toBe('800..1000');
    expect(inSeconds(shifted(span(400, 600), -0.5, limits))).toBe('300..500');
  });
});

describe('what is looked at first', () => {
  const check = (acted: number, expected: string) =>
    expect(inSeconds(home([line(0, 100), line(acted, acted, 'act')])!)).toBe(expected);
  it('has acts in it that are near', () => check(150, '-3..153'));
  it('leaves out acts of weeks later', () => check(900_000, '-2..102'));
  it('is the acts, where there is nothing else', () =>
    expect(inSeconds(home([line(5, 5, 'act')])!)).toBe('4..6'));
});

describe('what lies beyond', () => {
  it('is counted by lane', () => {
    const counts = beyond([line(0, 1), line(5, 6), line(9, 9, 'act'), line(9, 9, 'severity')], span(3, 8));
    expect(counts.map((lane) => `${lane.before}|${lane.behind}`).join(' ')).toBe('1|0 0|0 0|0 0|0 0|1');
  });
});

describe('marks on each other', () => {
  it('are one, as bad as the worst', () => {
    const found = clusters(
      [10, 90, 14].map((x, n) => ({ x, severity: n === 2 ? 'critical' : 'low' }) as never),
      8,
    );
    expect(found.map((one) => `${one.x}:${one.marks.length}:${one.severity}`).join(' ')).toBe('10:2:critical 90:1:low');
  });
});

describe('shapes', () => {
  it('of bars are one path', () => {
    const path = bars(marks([line(50, 50), line(60, 60)], span(0, 100), 400), 10, 20);
    expect(path).toBe('M200 2h2v16h-2zM240 2h2v16h-2z');
  });
  it('of the density rise where there is most', () => {
    expect(density([], span(0, 9), 9, 10)).toBe('');
    expect(density([line(4, 4)], span(0, 9), 9, 10)).toBe('M0 10L0 10h3L3 0h3L6 10h3V10z');
  });
});

describe('looking where it matters', () => {
  const limits = span(0, 1000);
  it('takes a width around a moment', () =>
    expect(inSeconds(wide(limits, 60_000, limits, T0 + 990_000))).toBe('940..1000'));
  it('keeps what is under the pointer there', () =>
    expect(inSeconds(zoomed(limits, 0.5, limits, T0 + 250_000))).toBe('125..625'));
  it('moves one end, never past the other', () => {
    expect(inSeconds(stretched(limits, 'from', T0 + 300_000, limits))).toBe('300..1000');
    expect(inSeconds(stretched(span(0, 10), 'from', T0 + 300_000, limits))).toBe('9..10');
    expect(inSeconds(stretched(span(0, 10), 'to', T0 + 9_000_000, limits))).toBe('0..1000');
  });
});
