/** Silences in words, and what people write of them. */

import { detectorWord, severityWord, visible } from '../format/words';
import { parseUtc } from '../format/time';
import type { Matcher, MatcherKey, SilenceState } from '../wire/silences';
import type { Severity } from '../wire/types';

/** In the order in which they narrow. */
export const MATCHER_KEYS = ['incident', 'actor', 'source', 'dataset', 'category', 'detector', 'severity', 'sink'] as const;

export const keyWord: Record<MatcherKey, string> = {
  incident: 'Incident',
  actor: 'Actor',
  source: 'Address',
  dataset: 'Dataset',
  category: 'Category',
  detector: 'Detector',
  severity: 'Severity',
  sink: 'Told to',
};

const WORST: Severity[] = ['informational', 'low', 'medium', 'high', 'critical'];

/** What a silence is about, list by list: `Actor: off-1`, `Severity: up to High`. */
export function parts(match: Matcher): { key: MatcherKey; word: string; values: string }[] {
  return MATCHER_KEYS.flatMap((key) => {
    const values = match[key] ?? [];
    return values.length === 0 ? [] : [{ key, word: keyWord[key], values: valuesOf(key, values) }];
  });
}

function valuesOf(key: MatcherKey, values: readonly string[]): string {
  if (key === 'severity') return severities(values as Severity[]);
  const word = (value: string) =>
    key === 'detector' ? detectorWord(value) : key === 'incident' ? value.slice(0, 12) : visible(value);
  return values.map(word).join(' or ');
}

function severities(values: readonly Severity[]): string {
  const last = WORST.findLastIndex((severity) => values.includes(severity));
  const upTo = WORST.slice(0, last + 1).every((severity) => values.includes(severity));
  const worst = WORST[last];
  return upTo && last > 0 && worst ? `up to ${severityWord[worst]}` : values.map((s) => severityWord[s]).join(' or ');
}

/** `Actor off-1 · up to High`. */
export function about(match: Matcher): string {
  return parts(match).map(({ key, word, values }) => (key === 'severity' ? values : `${word} ${values}`)).join(' · ');
}

const UNITS: Record<string, number> = { m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `2 h`, `90 min`, `3d`, or a day and a time (UTC): ms since the epoch. */
export function moment(text: string, nowMs: number): number | null {
  const length = /^(\d{1,5})\s*(m|min|h|d|w)$/.exec(text.trim().toLowerCase());
  if (!length) return parseUtc(text);
  return nowMs + Number(length[1]) * (UNITS[length[2] ?? ''] ?? 0);
}

/** Values with commas between, as somebody types them. */
export function listed(text: string | undefined): string[] {
  const values = (text ?? '').split(',').map((value) => value.trim());
  return [...new Set(values.filter((value) => value !== ''))];
}

export function matcherOf(answers: Record<string, string>): Matcher {
  return Object.fromEntries(
    MATCHER_KEYS.map((key) => [key, listed(answers[key])] as const).filter(([, values]) => values.length > 0),
  );
}

/** Whether it was ended before it began, and kept nothing back. */
export function neverHeld(silence: { from: string; ends: string }): boolean {
  return Date.parse(silence.ends) <= Date.parse(silence.from);
}

/** As it stands by the clock of this screen: between two answers of the server a silence begins or ends. */
export function stateAt(silence: { from: string; ends: string }, nowMs: number): SilenceState {
  if (Date.parse(silence.ends) <= nowMs) return 'expired';
  return Date.parse(silence.from) <= nowMs ? 'active' : 'pending';
}
