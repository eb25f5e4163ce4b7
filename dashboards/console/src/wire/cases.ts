/** What the HTTP API says of cases: what people do about incidents. As in `types`. */

export const STATES = ['new', 'acknowledged', 'investigating', 'contained', 'resolved'] as const;
export type State = (typeof STATES)[number];

export const RESOLUTIONS = ['true_positive', 'benign', 'false_positive', 'test'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

export interface Linked {
  act: number;
  url: string;
  title: string | null;
}

export interface Aware {
  act: number;
  at: string;
  by: string;
  regimes: string[];
  reason: string;
}

export interface Notified {
  act: number;
  regime: string;
  phase: string;
  at: string;
  by: string;
  reference: string | null;
}

export interface Case {
  state: State;
  resolution: Resolution | null;
  assignee: string | null;
  /** How many acts there are; sent back, it says what the sender has seen. */
  revision: number;
  changed: string | null;
  changed_by: string | null;
  comments: number;
  links: Linked[];
  aware: Aware[];
  notified: Notified[];
  warned: [string, string][];
  ran_out: [string, string][];
}

/** The acts the console sends. */
export type Act =
  | { kind: 'acknowledge' }
  | { kind: 'investigate' }
  | { kind: 'contain' }
  | { kind: 'resolve'; resolution: Resolution; note: string | null }
  | { kind: 'reopen'; reason: string }
  | { kind: 'assign'; to: string | null }
  | { kind: 'comment'; text: string }
  | { kind: 'link'; url: string; title: string | null }
  | { kind: 'undo'; act: number }
  | { kind: 'aware'; at: string | null; regimes: string[]; reason: string }
  | { kind: 'notified'; regime: string; phase: string; at: string | null; reference: string | null }
  /** Both are requests: the monitor works them off, and says so in the timeline. */
  | { kind: 'absorb'; incident: string }
  | { kind: 'split'; finding: string };

/** Of every act on record, for the audit log's filter. */
export const ACT_KINDS = [
  'acknowledge',
  'investigate',
  'contain',
  'resolve',
  'reopen',
  'assign',
  'comment',
  'link',
  'undo',
  'aware',
  'notified',
  'absorb',
  'split',
  'absorbed',
  'clock_warned',
  'clock_ran_out',
  'add_exception',
  'revoke_exception',
  'exception_expired',
  'set_budget',
  'add_silence',
  'end_silence',
  'resume_silence',
  'held_back',
  'told',
] as const;
export type ActKind = (typeof ACT_KINDS)[number];

export interface Audit {
  items: Recorded[];
  next: string | null;
}

/** An act on record. The monitor has kinds of its own. */
export interface Recorded {
  number: number;
  incident: string | null;
  /** Where it was done, if that was absorbed since. */
  origin: string | null;
  time: string;
  by: string;
  act: { kind: string; act?: number };
  /** The sentence a person reads. */
  text: string;
}

export interface Acted {
  act: Recorded;
  case: Case;
  /** Where exceptions are proposed, if it was resolved as benign. */
  proposal: string | null;
}

/** As the stream tells it: no case where it is about no incident. */
export interface ActTold {
  act: Recorded;
  case: Case | null;
}

export interface ActList {
  case: Case;
  acts: Recorded[];
}

export interface BulkResult {
  incident: string;
  done: Acted | null;
  error: { code: string; message: string } | null;
}

export interface Me {
  user: string | null;
  by_proxy: boolean;
}

export interface Regime {
  id: string;
  name: string;
  law: string;
  recipient: string;
  note: string;
  phases: { id: string; name: string; after: string | null }[];
}

export type ClockState = 'waiting' | 'running' | 'warned' | 'overdue' | 'met' | 'late' | 'void';

export interface Clock {
  regime: string;
  regime_name: string;
  law: string;
  recipient: string;
  phase: string;
  phase_name: string;
  state: ClockState;
  started: string | null;
  due: string | null;
  notified: string | null;
  seconds_left: number | null;
}

export interface Clocks {
  incident: string;
  now: string;
  clocks: Clock[];
}

export interface Draft {
  regime: string;
  law: string;
  recipient: string;
  note: string;
  incident: string;
  drafted: string;
  clocks: Clock[];
  items: { title: string; lines: string[]; gaps: string[] }[];
  gaps: number;
}

export interface Exception {
  /** One of these two; of the others, all that are there must fit. */
  rule?: string;
  detector?: string;
  key?: string;
  actor?: string;
  source?: string;
  dataset?: string;
  owner: string;
  reason: string;
  expires: string;
}

export interface KeptException extends Exception {
  id: string;
  revoked: boolean;
  published: boolean;
  state: 'holding' | 'expired' | 'revoked';
}

export interface FileException extends Exception {
  state: 'holding' | 'expired';
}

export interface ExceptionList {
  exceptions: KeptException[];
  /** Those of the file, which the API cannot change. */
  file: FileException[];
}

/** False incidents per 1,000 actors and day that people can live with. */
export interface Budget {
  budget_per_1000_actors_day: number;
  from: 'config' | 'api';
  config: number;
  changed: string | null;
  by: string | null;
  /** Whether the detectors have been told. */
  published: boolean;
}

export interface Proposed {
  exception: Exception;
  findings: string[];
  hidden: { findings: number; incidents: Record<string, number>; confirmed: string[] };
  refused: string | null;
}

export interface Proposals {
  incident: string;
  since: string;
  proposals: Proposed[];
}

export interface Feedback {
  true_positive: number;
  benign: number;
  false_positive: number;
  test: number;
  precision: number | null;
}

export interface Detector {
  name: string;
  mode: 'on' | 'shadow' | 'off' | 'until_learned';
  findings: number;
  suppressed: number;
  feedback: Feedback;
}

export interface Rule {
  id: string;
  title: string;
  kind: string;
  level: string;
  status: string;
  file: string;
  attack: string[];
  falsepositives: string[];
  response: string;
  shadow: boolean;
  silent: boolean;
  evaluated: number;
  matched: number;
  findings: number;
  suppressed: number;
  shadow_findings: number;
  /** Microseconds, estimated from one event in 64. */
  spent_us: number;
  feedback: Feedback;
}
