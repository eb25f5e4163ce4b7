/**
 * Where a timeline's lines lie on the drawn strip. Pure: spans and widths in, places out; the
 * component only paints what comes out of here.
 */

import { SEVERITIES, type Kind, type Line, type Severity } from '../../wire/types';

export interface Span {
  fromMs: number;
  toMs: number;
}

/** What each lane shows, from above. */
export const LANES: readonly Exclude<Kind, 'severity'>[] = [
  'access', 'auth', 'flow', 'finding', 'act',
];

export interface Mark {
  line: Line;
  kind: Kind;
  /** Index into `LANES`; severity changes cross all lanes and have -1. */
  lane: number;
  x: number;
  width: number;
  /** 0..1: how much, on a logarithmic scale of its lane. */
  weight: number;
  severity: Severity | null;
  denied: boolean;
}

/** Narrower than this cannot be seen, nor hit with a pointer. */
const MARK_WIDTH_MIN = 2;
/** Room on both sides, so that first and last do not stick to the edge. */
const MARGIN = 0.02;

/** Lines never change: their times are read once. */
const times = new WeakMap<Line, Span>();

function timesOf(line: Line): Span {
  let span = times.get(line);
  if (!span) {
    span = { fromMs: Date.parse(line.time), toMs: Date.parse(line.until) };
    times.set(line, span);
  }
  return span;
}

/** The span all lines lie in. */
export function extent(lines: readonly Line[]): Span | null {
  let fromMs = Infinity;
  let toMs = -Infinity;
  for (const line of lines) {
    const own = timesOf(line);
    fromMs = Math.min(fromMs, own.fromMs);
    toMs = Math.max(toMs, own.toMs);
  }
  if (!(fromMs <= toMs)) return null;
  const margin = Math.max((toMs - fromMs) * MARGIN, 1_000);
  return { fromMs: fromMs - margin, toMs: toMs + margin };
}

/** Acts farther away than this many times the events' own span would squeeze them to nothing. */
const FAR = 3;

/**
 * What is looked at to begin with: the events, and what people did as far as it lies near. An
 * incident of a minute may be worked on for weeks.
 */
export function home(lines: readonly Line[]): Span | null {
  const all = extent(lines);
  const events = extent(lines.filter((line) => line.kind !== 'act'));
  if (!all || !events) return all;
  const width = (span: Span) => span.toMs - span.fromMs;
  return width(all) > FAR * width(events) ? events : all;
}

/** How many entries of each lane lie before and behind the span. */
export function beyond(lines: readonly Line[], span: Span): { before: number; behind: number }[] {
  const counts = LANES.map(() => ({ before: 0, behind: 0 }));
  for (const line of lines) {
    const lane = counts[LANES.indexOf(line.kind as (typeof LANES)[number])];
    if (!lane) continue;
    const own = timesOf(line);
    if (own.toMs < span.fromMs) lane.before += line.folded;
    else if (own.fromMs > span.toMs) lane.behind += line.folded;
  }
  return counts;
}

export function overlaps(line: Line, span: Span): boolean {
  const own = timesOf(line);
  return own.fromMs <= span.toMs && own.toMs >= span.fromMs;
}

export function xOf(ms: number, span: Span, width: number): number {
  return ((ms - span.fromMs) / (span.toMs - span.fromMs)) * width;
}

export function msOf(x: number, span: Span, width: number): number {
  return span.fromMs + (x / width) * (span.toMs - span.fromMs);
}

export function marks(lines: readonly Line[], span: Span, width: number): Mark[] {
  const most = new Map<Kind, number>();
  for (const line of lines) most.set(line.kind, Math.max(most.get(line.kind) ?? 1, amount(line)));
  return lines
    .filter((line) => overlaps(line, span))
    .map((line) => {
      const own = timesOf(line);
      const x = xOf(own.fromMs, span, width);
      const end = xOf(own.toMs, span, width);
      const largest = most.get(line.kind) ?? 1;
      return {
        line,
        kind: line.kind,
        lane: LANES.indexOf(line.kind as (typeof LANES)[number]),
        x,
        width: Math.max(MARK_WIDTH_MIN, end - x),
        weight: Math.log1p(amount(line)) / Math.log1p(largest),
        severity: line.severity,
        denied: line.outcome === 'denied',
      };
    });
}

/** Bytes for flows, records for accesses, times for the rest. */
function amount(line: Line): number {
  if (line.kind === 'flow') return Math.max(1, line.bytes);
  if (line.kind === 'access') return Math.max(1, line.records);
  return line.folded;
}

/** Marks that would lie on each other, as one. */
export interface Cluster {
  x: number;
  marks: Mark[];
  /** The worst of them. */
  severity: Severity | null;
}

export function clusters(marks: readonly Mark[], apart: number): Cluster[] {
  const found: Cluster[] = [];
  for (const mark of [...marks].sort((a, b) => a.x - b.x)) {
    const last = found.at(-1);
    if (last && mark.x - last.x < apart) {
      last.marks.push(mark);
      last.severity = worse(last.severity, mark.severity);
    } else found.push({ x: mark.x, marks: [mark], severity: mark.severity });
  }
  return found;
}

function worse(a: Severity | null, b: Severity | null): Severity | null {
  if (a === null || b === null) return a ?? b;
  return SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b;
}

/**
 * Bars around the line `middle`, as one path: thousands of them are one thing to paint. Of narrow
 * ones that would lie on each other only the tallest is drawn.
 */
export function bars(marks: readonly Mark[], middle: number, height: number): string {
  const tallest = new Map<number, Mark>();
  const wide: Mark[] = [];
  for (const mark of marks) {
    const at = Math.round(mark.x);
    if (mark.width > MARK_WIDTH_MIN) wide.push(mark);
    else if ((tallest.get(at)?.weight ?? -1) < mark.weight) tallest.set(at, mark);
  }
  return [...wide, ...tallest.values()]
    .map((mark) => {
      const tall = Math.max(0.22, 0.8 * mark.weight) * height;
      return `M${round(mark.x)} ${round(middle - tall / 2)}h${round(mark.width)}v${round(tall)}h${-round(mark.width)}z`;
    })
    .join('');
}

/** How many entries of each kind lie in the span. */
export function counted(lines: readonly Line[], span: Span): Map<Kind, number> {
  const counts = new Map<Kind, number>();
  for (const line of lines) {
    if (overlaps(line, span)) counts.set(line.kind, (counts.get(line.kind) ?? 0) + line.folded);
  }
  return counts;
}

/** How many entries begin when, over `width` pixels, as the outline of a little mountain range. */
export function density(lines: readonly Line[], span: Span, width: number, height: number): string {
  const STEP = 3;
  const bins = new Array<number>(Math.max(1, Math.ceil(width / STEP))).fill(0);
  for (const line of lines) {
    const own = timesOf(line);
    const from = Math.floor(xOf(own.fromMs, span, width) / STEP);
    const to = Math.floor(xOf(own.toMs, span, width) / STEP);
    for (let bin = Math.max(0, from); bin <= Math.min(bins.length - 1, to); bin++) {
      bins[bin]! += line.folded / (to - from + 1);
    }
  }
  const most = Math.log1p(Math.max(...bins));
  if (most === 0) return '';
  const tops = bins.map((n, bin) => {
    const y = n === 0 ? height : height - Math.max(2, (Math.log1p(n) / most) * height);
    return `L${bin * STEP} ${round(y)}h${STEP}`;
  });
  return `M0 ${height}${tops.join('')}V${height}z`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The mark under a pointer, the nearest within `reach` pixels; small ones win over wide ones. */
export function hit(all: readonly Mark[], lane: number, x: number, reach: number): Mark | null {
  let best: Mark | null = null;
  let bestMiss = Infinity;
  for (const mark of all) {
    if (mark.lane !== lane) continue;
    const miss = Math.max(mark.x - x, x - (mark.x + mark.width), 0);
    if (miss > reach) continue;
    if (best === null || miss < bestMiss || (miss === bestMiss && mark.width < best.width)) {
      best = mark;
      bestMiss = miss;
    }
  }
  return best;
}

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
const STEPS_MS = [
  S, 2 * S, 5 * S, 10 * S, 30 * S, MIN, 2 * MIN, 5 * MIN, 10 * MIN, 30 * MIN, H, 2 * H, 3 * H,
  6 * H, 12 * H, D, 2 * D, 7 * D, 14 * D, 30 * D, 90 * D, 365 * D,
];

export interface Tick {
  ms: number;
  text: string;
}

/** Round times, `apart` pixels or more from each other, said as coarsely as they are. */
export function ticks(span: Span, width: number, apart: number): Tick[] {
  const wanted = ((span.toMs - span.fromMs) * apart) / Math.max(width, 1);
  const step = STEPS_MS.find((each) => each >= wanted) ?? 365 * D;
  const found: Tick[] = [];
  for (let ms = Math.ceil(span.fromMs / step) * step; ms <= span.toMs; ms += step) {
    const iso = new Date(ms).toISOString();
    const midnight = ms % D === 0;
    const text = midnight ? iso.slice(5, 10) : step < MIN ? iso.slice(11, 19) : iso.slice(11, 16);
    found.push({ ms, text });
  }
  return found;
}

/** How wide one may look, from a quarter of a year to ten seconds. */
export const WIDTHS: readonly { ms: number; word: string }[] = [
  { ms: 90 * D, word: '90 days' },
  { ms: 30 * D, word: '30 days' },
  { ms: 7 * D, word: '7 days' },
  { ms: D, word: '1 day' },
  { ms: 6 * H, word: '6 hours' },
  { ms: H, word: '1 hour' },
  { ms: 10 * MIN, word: '10 minutes' },
  { ms: MIN, word: '1 minute' },
  { ms: 10 * S, word: '10 seconds' },
];

/** So wide, around `atMs` or else the middle. */
export function wide(span: Span, ms: number, limits: Span, atMs?: number): Span {
  const middle = atMs ?? (span.fromMs + span.toMs) / 2;
  return clamped({ fromMs: middle - ms / 2, toMs: middle + ms / 2 }, limits);
}

/**
 * `factor` below 1 looks closer, above 1 farther, around `atMs`, which stays where it is, or else
 * the middle; never past `limits`.
 */
export function zoomed(span: Span, factor: number, limits: Span, atMs?: number): Span {
  const width = span.toMs - span.fromMs;
  const share = atMs === undefined ? 0.5 : (atMs - span.fromMs) / width;
  const at = span.fromMs + share * width;
  const wanted = Math.max(width * factor, S);
  return clamped({ fromMs: at - share * wanted, toMs: at + (1 - share) * wanted }, limits);
}

/**
 * What looking closer goes towards: the line that was picked, or else the middle, or else, where
 * half the span around the middle holds nothing, what lies nearest to it.
 */
export function towards(lines: readonly Line[], span: Span, picked: string | null): number {
  const middle = (span.fromMs + span.toMs) / 2;
  const half = (span.toMs - span.fromMs) / 4;
  let nearest: { ms: number; away: number } | null = null;
  for (const line of lines) {
    if (!overlaps(line, span)) continue;
    const own = timesOf(line);
    const from = Math.max(own.fromMs, span.fromMs);
    const to = Math.min(own.toMs, span.toMs);
    if (line.id === picked) return (from + to) / 2;
    const ms = Math.min(Math.max(middle, from), to);
    const away = Math.abs(ms - middle);
    if (nearest === null || away < nearest.away) nearest = { ms, away };
  }
  return nearest === null || nearest.away < half ? middle : nearest.ms;
}

/** One end of the span moved to `ms`; the ends do not pass each other. */
export function stretched(span: Span, end: 'from' | 'to', ms: number, limits: Span): Span {
  if (end === 'from') {
    return { ...span, fromMs: Math.round(Math.min(Math.max(ms, limits.fromMs), span.toMs - S)) };
  }
  return { ...span, toMs: Math.round(Math.max(Math.min(ms, limits.toMs), span.fromMs + S)) };
}

/** By a share of its own width: `-0.5` is half a screen back. */
export function shifted(span: Span, share: number, limits: Span): Span {
  const by = (span.toMs - span.fromMs) * share;
  return clamped({ fromMs: span.fromMs + by, toMs: span.toMs + by }, limits);
}

function clamped(span: Span, limits: Span): Span {
  const width = Math.min(span.toMs - span.fromMs, limits.toMs - limits.fromMs);
  const fromMs = Math.min(Math.max(span.fromMs, limits.fromMs), limits.toMs - width);
  return { fromMs: Math.round(fromMs), toMs: Math.round(fromMs + width) };
}
