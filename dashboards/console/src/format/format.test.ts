import { describe, expect, it } from 'vitest';
import { bytes, count, estimate, milliseconds, plural, quantity, short } from './number';
import { clock, dayAndClock, parseUtc, span, when } from './time';
import { detectorWord, named, origin, some, termWhy, unquoted, visible } from './words';

function check(actual: string, expected: string) {
  expect(actual.replaceAll('\u00a0', ' ')).toBe(expected);
}

describe('numbers', () => {
  it('groups whole numbers', () => check(count(1_234_567), '1,234,567'));
  it('keeps three figures across the room', () => {
    check(short(0), '0');
    check(short(0.5), '0.5');
    check(short(12.4), '12');
    check(short(999), '999');
    check(short(999.6), '1 k');
    check(short(12_345), '12.3 k');
    check(short(123_456), '123 k');
    check(short(999_960), '1 M');
    check(short(-4_100_000), '−4.1 M');
  });
  it('counts bytes in binary units', () => {
    check(bytes(0), '0 B');
    check(bytes(1834), '1.8 KiB');
    check(bytes(1023), '1,023 B');
    check(bytes(1023.8), '1 KiB');
    check(bytes(73_400_320), '70 MiB');
  });
  it('shows short times in ms and long ones in s', () => {
    check(milliseconds(0.42), '0.4 ms');
    check(milliseconds(87.6), '88 ms');
    check(milliseconds(1234), '1.2 s');
  });
  it('says that an estimate is one', () => {
    check(estimate(412, 0), '412');
    check(estimate(12_400, 0.016), '≈ 12,400 ± 1.6%');
  });
  it('reads a quantity with its unit', () => {
    check(quantity(412, 'subjects'), '412 subjects');
    check(quantity(22.5, 'records'), '22.5 records');
    check(quantity(1, 'matches'), '1 match');
    check(quantity(1, 'events'), '1 event');
    check(quantity(1, 'seconds of silence'), '1 second of silence');
    check(quantity(0, 'events'), '0 events');
    check(quantity(2_097_152, 'bytes'), '2 MiB');
  });
  it('does not pretend about what is no number', () => {
    check(count(Number.NaN), '–');
    check(short(Number.POSITIVE_INFINITY), '–');
  });
  it('says one and many', () => {
    check(plural(1, 'person', 'people'), '1 person');
    check(plural(4200, 'person', 'people'), '4,200 people');
  });
});

describe('times', () => {
  it('shows UTC whatever the machine', () => {
    check(clock('2026-03-02T09:14:07.123+02:00'), '07:14:07');
    check(clock('2026-03-02T09:14:07.123Z', true), '09:14:07.123');
    check(dayAndClock('2026-03-02T09:14:07.123Z'), '2026-03-02 09:14:07');
    check(dayAndClock('never'), '–');
  });
  it('shortens spans', () => {
    check(span(8_900), '8 s');
    check(span(4 * 60_000 + 59_000), '4 min');
    check(span(2 * 3_600_000 + 5 * 60_000), '2 h 05 min');
    check(span(3 * 86_400_000 + 4 * 3_600_000), '3 d 4 h');
    check(span(3_600_000), '1 h');
    check(span(86_400_000 + 59_000), '1 d');
    check(span(-1), '0 s');
  });
  it('tells how long ago', () => {
    const now = Date.parse('2026-03-02T10:00:00Z');
    check(when('2026-03-02T09:59:59Z', now), 'now');
    check(when('2026-03-02T09:56:00Z', now), '4 min ago');
  });
  it('names the time that is far from now, or ahead of it', () => {
    const now = Date.parse('2026-03-02T10:00:00Z');
    check(when('2026-03-02T11:00:00Z', now), '2026-03-02 11:00');
    check(when('2025-12-24T18:30:59Z', now), '2025-12-24 18:30');
    check(when('soon', now), '–');
  });
});

describe('words', () => {
  it('names where an entry came from', () => {
    check(origin({ topic: 'access', partition: 3, offset: 8123 }), 'access/3@8123');
    check(origin({ file: 'day.jsonl', line: 7 }), 'day.jsonl:7');
    check(origin({ monitor: 'tidewaiter' }), 'tidewaiter');
  });
  it('shows detectors it does not know', () => {
    check(detectorWord('read_then_outflow'), 'Read, then outflow');
    check(detectorWord('impossible_travel'), 'Impossible travel');
  });
  it('sets apart what the engine names', () => {
    expect(named('since 2026-03-02T08:03:19.351Z, twice')).toEqual([{ text: 'since 2026-03-02 08:03:19 UTC, twice', name: false }]);
    expect(named('last from `pnr`')).toEqual([{ text: 'last from ', name: false }, { text: 'pnr', name: true }]);
    check(unquoted('`a` and `b`, but `c'), 'a and b, but `c');
  });
  it('says terms of a score in words', () => {
    check(termWhy('read_then_outflow'), 'Read, then outflow');
    check(termWhy('canary, 80 when it was told'), 'Canary, 80 when it was told');
    check(termWhy('most sensitive data touched is T3'), 'most sensitive data touched is T3');
  });
  it('writes out what would turn or hide the text after it', () => {
    check(visible('zoë 李 😀\tב'), 'zoë 李 😀\tב');
    check(visible('zo\u202ee\u2066\x00'), 'zo\\u{202e}e\\u{2066}\\u{0}');
    check(unquoted('by zo\u202ee, of `p\u200f`'), 'by zo\\u{202e}e, of p\\u{200f}');
    check(some(['a\u202e', 'b']), 'a\\u{202e}, b');
  });
  it('cuts long lists of names and says so', () => {
    check(some(['a', 'b']), 'a, b');
    check(some(['a', 'b', 'c', 'd']), 'a, b and 2 more');
  });
});

describe('a time that somebody writes', () => {
  const read = (text: string, expected: string | null) => {
    const ms = parseUtc(text);
    expect(ms === null ? null : new Date(ms).toISOString()).toBe(expected);
  };
  it('is read as UTC', () => {
    read('2026-03-02 09:14', '2026-03-02T09:14:00.000Z');
    read(' 2026-03-02T09:14:07Z ', '2026-03-02T09:14:07.000Z');
    read('2026-03-02', '2026-03-02T00:00:00.000Z');
  });
  it('is nothing where it is none', () => {
    read('yesterday', null);
    read('2026-13-02', null);
    read('09:14', null);
  });
});
