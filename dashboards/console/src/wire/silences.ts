/** What the HTTP API says of silences: whom or what nobody is told of, and until when. */

import type { Severity } from './types';

/** All lists that name something must fit, as a whole. */
export interface Matcher {
  incident?: string[];
  actor?: string[];
  source?: string[];
  dataset?: string[];
  category?: string[];
  detector?: string[];
  severity?: Severity[];
  sink?: string[];
}

export type MatcherKey = keyof Matcher;

export interface Silence {
  owner: string;
  reason: string;
  from: string;
  until: string;
  match: Matcher;
}

export const SILENCE_STATES = ['active', 'pending', 'expired'] as const;
export type SilenceState = (typeof SILENCE_STATES)[number];

export interface KeptSilence extends Silence {
  id: string;
  created: string;
  created_by: string;
  incident: string | null;
  ended: string | null;
  ended_by: string | null;
  /** Notices it keeps back now; once it has ended, those that were never told. */
  notices: number;
  /** When it holds no more: its own end, or when it was ended. */
  ends: string;
  state: SilenceState;
}

export interface Maintenance {
  owner: string;
  reason: string;
  /** None for every day. */
  days: string[];
  from: string;
  until: string;
  zone: string;
  match: Matcher;
}

export interface SilenceList {
  now: string;
  silences: KeptSilence[];
  /** Those of the configuration, which the API cannot change. */
  file: (Silence & { state: SilenceState })[];
  maintenance: Maintenance[];
  sinks: string[];
}

/** What is left out is who asks, and now. */
export interface AskedSilence {
  owner?: string;
  reason: string;
  from?: string;
  until: string;
  match: Matcher;
}

export interface SilenceProposals {
  incident: string;
  /** The narrowest first. */
  proposals: { match: Matcher; why: string }[];
}
