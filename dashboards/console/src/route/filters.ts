/**
 * Filters as they stand in the address. Read leniently, since people edit addresses; written
 * sparsely, since people share them: what is at its default is left out.
 */

import { ACT_KINDS, STATES, type ActKind, type State } from '../wire/cases';
import {
  DETECTORS,
  KINDS,
  SEVERITIES,
  STATUSES,
  type Kind,
  type Severity,
  type Status,
} from '../wire/types';

/** Largest and newest first with `-`. */
export const SORTS = ['-updated', 'updated', '-score', 'score', '-opened', 'opened'] as const;
export type Sort = (typeof SORTS)[number];

export interface IncidentFilters {
  severity: Severity[];
  status: Status[];
  /** What people made of it; empty means all. */
  state: State[];
  /** A name, `-` for nobody, or empty for all. */
  assignee: string;
  q: string;
  actor: string;
  source: string;
  dataset: string;
  sort: Sort;
}

const STATUS_DEFAULT: readonly Status[] = ['open', 'quiet'];

export function readIncidentFilters(search: URLSearchParams): IncidentFilters {
  const status = list(search, 'status', STATUSES);
  const sort = search.get('sort');
  return {
    severity: list(search, 'severity', SEVERITIES),
    status: status.length > 0 ? status : [...STATUS_DEFAULT],
    state: list(search, 'state', STATES),
    assignee: text(search, 'assignee'),
    q: text(search, 'q'),
    actor: text(search, 'actor'),
    source: text(search, 'source'),
    dataset: text(search, 'dataset'),
    sort: SORTS.find((known) => known === sort) ?? '-updated',
  };
}

export function writeIncidentFilters(filters: IncidentFilters): string {
  const atDefault = filters.status.join() === STATUS_DEFAULT.join();
  return written({
    severity: filters.severity.join(),
    status: atDefault ? '' : filters.status.join(),
    state: filters.state.join(),
    assignee: filters.assignee,
    q: filters.q,
    actor: filters.actor,
    source: filters.source,
    dataset: filters.dataset,
    sort: filters.sort === '-updated' ? '' : filters.sort,
  });
}

export interface FindingFilters {
  severity: Severity[];
  detector: string;
  actor: string;
  source: string;
  incident: string;
}

export function readFindingFilters(search: URLSearchParams): FindingFilters {
  const detector = text(search, 'detector');
  return {
    severity: list(search, 'severity', SEVERITIES),
    detector: (DETECTORS as readonly string[]).includes(detector) ? detector : '',
    actor: text(search, 'actor'),
    source: text(search, 'source'),
    incident: text(search, 'incident'),
  };
}

export function writeFindingFilters(filters: FindingFilters): string {
  return written({ ...filters, severity: filters.severity.join() });
}

export interface AuditFilters {
  by: string;
  kind: ActKind[];
}

export function readAuditFilters(search: URLSearchParams): AuditFilters {
  return { by: text(search, 'by'), kind: list(search, 'kind', ACT_KINDS) };
}

export function writeAuditFilters(filters: AuditFilters): string {
  return written({ by: filters.by, kind: filters.kind.join() });
}

export interface TimelineFilters {
  kinds: Kind[];
  /** A span of event time to look at, in ms since the epoch. */
  span: { fromMs: number; toMs: number } | null;
}

export function readTimelineFilters(search: URLSearchParams): TimelineFilters {
  const kinds = list(search, 'kinds', KINDS);
  const fromMs = Date.parse(search.get('from') ?? '');
  const toMs = Date.parse(search.get('to') ?? '');
  return {
    kinds: kinds.length > 0 ? kinds : [...KINDS],
    span: fromMs < toMs ? { fromMs, toMs } : null,
  };
}

export function writeTimelineFilters(filters: TimelineFilters): string {
  return written({
    kinds: filters.kinds.length === KINDS.length ? '' : filters.kinds.join(),
    from: filters.span ? new Date(filters.span.fromMs).toISOString() : '',
    to: filters.span ? new Date(filters.span.toMs).toISOString() : '',
  });
}

/** Whether a rule tells: by itself, to nobody, or only to correlations. */
export const RULE_MODES = ['on', 'shadow', 'silent'] as const;
export type RuleMode = (typeof RULE_MODES)[number];

export interface RuleFilters {
  q: string;
  mode: RuleMode[];
}

export function readRuleFilters(search: URLSearchParams): RuleFilters {
  return { q: text(search, 'q'), mode: list(search, 'mode', RULE_MODES) };
}

export function writeRuleFilters(filters: RuleFilters): string {
  return written({ q: filters.q, mode: filters.mode.join() });
}

/** `word` in or out of `words`, in the order of `all`. */
export function toggled<T extends string>(words: readonly T[], word: T, all: readonly T[]): T[] {
  const chosen = new Set(words);
  if (!chosen.delete(word)) chosen.add(word);
  return all.filter((each) => chosen.has(each));
}

/** Known words only, each once, in their own order. */
function list<T extends string>(search: URLSearchParams, name: string, all: readonly T[]): T[] {
  const given = new Set((search.get(name) ?? '').split(','));
  return all.filter((word) => given.has(word));
}

const TEXT_MAX = 200;

function text(search: URLSearchParams, name: string): string {
  return (search.get(name) ?? '').trim().slice(0, TEXT_MAX);
}

function written(parameters: Record<string, string>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== '') search.set(name, value);
  }
  const query = search.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return query === '' ? '' : `?${query}`;
}
