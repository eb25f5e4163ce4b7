/**
 * Where a timeline's lines lie on the drawn strip. Pure: spans and widths in, places out; the
 * component only paints what comes out of here.
 */

import type { Kind, Line, Severity } from '../../wire/types';

export interface Span {
  fromMs: number;
  toMs: number;
}

export const LANES: readonly Exclude<Kind, 'severity'>[] = ['access', 'auth', 'flow', 'finding'];

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

/** The span all lines lie in. */
export function extent(lines: readonly Line[]): Span | null {
  let fromMs = Infinity;
  let toMs = -Infinity;
  for (const line of lines) {
    fromMs = Math.min(fromMs, Date.parse(line.time));
    toMs = Math.max(toMs, Date.parse(line.until));
  }
  if (!(fromMs <= toMs)) return null;
  const margin = Math.max((toMs - fromMs) * MARGIN, 1_000);
  return { fromMs: fromMs - margin, toMs: toMs + margin };
}

export function overlaps(line: Line, span: Span): boolean {
  return Date.parse(line.time) <= span.toMs && Date.parse(line.until) >= span.fromMs;
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
      const x = xOf(Date.parse(line.time), span, width);
      const end = xOf(Date.parse(line.until), span, width);
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

/** `factor` below 1 looks closer, above 1 farther, around the middle; never past `limits`. */
export function zoomed(span: Span, factor: number, limits: Span): Span {
  const middle = (span.fromMs + span.toMs) / 2;
  const half = Math.max(((span.toMs - span.fromMs) * factor) / 2, 500);
  return clamped({ fromMs: middle - half, toMs: middle + half }, limits);
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
