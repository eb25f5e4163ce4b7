/** What the HTTP API says, as it says it. Times are RFC 3339, UTC, with milliseconds. */

import type { Case } from './cases';

export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'informational'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const STATUSES = ['open', 'quiet', 'signal', 'merged'] as const;
export type Status = (typeof STATUSES)[number];

export const DETECTORS = [
  'unusual_volume',
  'unusual_unexplained',
  'slow_drift',
  'novelty',
  'session_start',
  'sequence',
  'id_block',
  'subject_fan_in',
  'bulk_read',
  'no_case',
  'canary',
  'protected_subject',
  'staff_subject',
  'leaver',
  'first_seen',
  'enumeration',
  'denied_burst',
  'no_actor',
  'outbound_bytes',
  'egress',
  'beacon',
  'port_scan',
  'impossible_travel',
  'dormant_system',
  'sensitive_identifier',
  'read_then_outflow',
  'factor_removed_then_read',
  'silent_source',
  'rule',
] as const;

export const KINDS = ['access', 'auth', 'flow', 'finding', 'severity', 'act'] as const;
export type Kind = (typeof KINDS)[number];

export interface DatasetScope {
  dataset: string;
  category: string;
  tier: number;
  records: number;
  subjects: number;
  /** Relative standard error of `subjects`, 0 while it is exact. */
  subjects_error: number;
}

export interface ScoreTerm {
  term: string;
  points: number;
  why: string;
}

export interface Incident {
  id: string;
  opened: string | null;
  updated: string;
  severity: Severity;
  score: number;
  status: Status;
  title: string;
  why: string;
  actors: string[];
  sources: string[];
  datasets: DatasetScope[];
  subjects: number;
  /** Relative standard error of `subjects`, 0 while it is exact. */
  subjects_error: number;
  records: number;
  bytes: number;
  first_event: string;
  last_event: string;
  first_finding: string;
  attack: string[];
  findings: string[];
  timeline_length: number;
  score_terms: ScoreTerm[];
  merged_into: string | null;
  /** What people made of it. */
  case: Case;
}

/** The farthest the findings speak of. */
export type Stage = 'reconnaissance' | 'collection' | 'staging' | 'exfiltration';

/** Whether what was read has left the network. */
export interface LeftNetwork {
  verdict: 'no_sign' | 'possible' | 'likely';
  why: string;
}

export interface IncidentDetail extends Incident {
  stage: Stage | null;
  left_network: LeftNetwork;
  finding_details: Finding[];
}

export interface Finding {
  id: string;
  time: string;
  detector: string;
  rule: string | null;
  severity: Severity;
  score: number;
  key: { kind: 'actor' | 'source' | 'dataset' | 'subject'; value: string };
  actor: string | null;
  source_ip: string | null;
  session: string | null;
  dataset: string | null;
  category: string | null;
  tier: number;
  window: { start: string; end: string };
  observed: number;
  expected: number;
  unit: string;
  subjects: number;
  records: number;
  bytes: number;
  attack: string[];
  why: string;
  /** Ids of events; an event without one is named by its place. */
  evidence: string[];
  /** What the actor was expected to read, hour by hour up to this one; not there where that is not learned. */
  usual?: UsualHour[];
}

/** People and consignments in an hour in which anything is read at all. */
export interface UsualHour {
  start: string;
  median: number;
  p99: number;
}

export type Origin =
  | { topic: string; partition: number; offset: number }
  | { file: string; line: number }
  | { monitor: string };

/** A timeline entry, or a fold of like entries. */
export interface Line {
  id: string;
  time: string;
  until: string;
  folded: number;
  fold: string | null;
  kind: Kind;
  /** Its producer's id; not there where it gave none, and on lines that are no events. */
  event?: string;
  action: string;
  outcome: string;
  actor: string | null;
  session: string | null;
  source_ip: string | null;
  host: string | null;
  site: string | null;
  system: string | null;
  dataset: string | null;
  category: string | null;
  tier: number;
  destination: string | null;
  records: number;
  bytes: number;
  subjects: number;
  tokens: string[];
  case: boolean;
  severity: Severity | null;
  finding: string | null;
  text: string;
  source: Origin;
}

export interface Timeline {
  incident: string;
  /** Unfolded entries. */
  total: number;
  lines: Line[];
  next: string | null;
}

/** Read again from the input topics. */
export interface Past {
  lines: Line[];
  /** Records looked at. */
  records: number;
  /** Nothing was left out that the topics hold. */
  complete: boolean;
}

export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
}

export interface Outcomes {
  in: number;
  scored: number;
  late: number;
  duplicate: number;
  dead_lettered: number;
}

export interface TopicStats extends Outcomes {
  topic: string;
  lag: number;
  watermark: string | null;
  /** Partitions that were regular and have fallen silent. */
  silent_partitions: number;
}

/** Incidents at one severity. */
export interface BySeverity {
  critical: number;
  high: number;
  medium: number;
}

/** Reads of the hour of event time that goes on, beside such hours before it. */
export interface HourStats {
  start: string;
  /** How much of it has passed, 0 to 1. */
  elapsed: number;
  basis: 'week' | 'day';
  /** Like hours known. */
  known: number;
  categories: { category: string; reads: number; usual: number | null }[];
}

export interface Stats {
  version: string;
  time: string;
  started: string;
  uptime_s: number;
  ready: boolean;
  /** Why not; empty when ready. */
  unready: string[];
  kafka: 'connected' | 'disconnected';
  demo: boolean;
  events_per_second: number;
  records: Outcomes;
  topics: TopicStats[];
  verdict_latency_ms: { p50: number; p99: number; max: number; count: number };
  /** Those that go on, by severity; and what is to do, whether it goes on or has gone quiet. */
  incidents: BySeverity & { signals: number; to_do: BySeverity; unacknowledged: BySeverity };
  findings_by_detector: Record<string, number>;
  findings_by_severity: Partial<Record<Severity, number>>;
  reads_by_category: Record<string, number>;
  hour: HourStats | null;
  state: { actors: number; sources: number; bytes: number; evicted: number };
  rules: { loaded: number; error: string | null };
  budget: BudgetStats;
}

/** Of the partitions at hand; rates per 1,000 actor-days. */
export interface BudgetStats {
  per_1000_actors_day: number;
  in_force_least: number | null;
  in_force_most: number | null;
  realised: number | null;
  actor_days: number;
  partitions_learned: number;
  partitions_learning: number;
  lanes: LaneStats[];
}

export interface LaneStats {
  lane: string;
  /** `-log10` of the share of actor-days above which it alerts; null while learning. */
  threshold: number | null;
  threshold_least: number | null;
  threshold_most: number | null;
  realised: number | null;
}

/** Several incidents as one. */
export interface Report {
  incidents: Incident[];
  /** Distinct over all of them. */
  subjects: number;
  subjects_error: number;
  /** The incidents' own numbers summed. */
  subjects_summed: number;
  /** Counted by entries that do not name them. */
  subjects_unnamed: number;
  records: number;
  bytes: number;
  bytes_out: number;
  /** The worst of the incidents'. */
  left_network: LeftNetwork;
  datasets: DatasetScope[];
  entries: number;
}
