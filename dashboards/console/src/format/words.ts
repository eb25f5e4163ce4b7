/** The API's words as people say them. */

import type { ActKind, Resolution, State } from '../wire/cases';
import type { Kind, LeftNetwork, Origin, Severity, Status } from '../wire/types';

export const severityWord: Record<Severity, string> = {
  critical: 'Critical',
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  informational: 'Info',
};

export const statusWord: Record<Status, string> = {
  open: 'Open',
  quiet: 'Quiet',
  signal: 'Signal',
  merged: 'Merged',
};

export const leftWord: Record<LeftNetwork['verdict'], string> = {
  likely: 'Likely',
  possible: 'Possible',
  no_sign: 'No sign',
};

export const kindWord: Record<Kind, string> = {
  access: 'Access',
  auth: 'Account',
  flow: 'Flow',
  finding: 'Finding',
  severity: 'Severity',
  act: 'People',
};

export const stateWord: Record<State, string> = {
  new: 'New',
  acknowledged: 'Acknowledged',
  investigating: 'Investigating',
  contained: 'Contained',
  resolved: 'Resolved',
};

export const resolutionWord: Record<Resolution, string> = {
  true_positive: 'True positive',
  benign: 'Benign',
  false_positive: 'False positive',
  test: 'Test',
};

export const actWord: Record<ActKind, string> = {
  acknowledge: 'Acknowledged',
  investigate: 'Investigating',
  contain: 'Contained',
  resolve: 'Resolved',
  reopen: 'Reopened',
  assign: 'Assigned',
  comment: 'Comment',
  link: 'Link',
  undo: 'Undo',
  aware: 'Aware',
  notified: 'Authority told',
  absorb: 'Absorb',
  split: 'Split',
  absorbed: 'Acts taken over',
  clock_warned: 'Clock runs out',
  clock_ran_out: 'Clock has run out',
  add_exception: 'Exception',
  revoke_exception: 'Exception revoked',
  exception_expired: 'Exception expired',
  set_budget: 'Alert budget',
  add_silence: 'Silence',
  end_silence: 'Silence ended',
  resume_silence: 'Silence resumed',
  held_back: 'Held back',
  told: 'Told',
};

const detectors: Record<string, string> = {
  bulk_read: 'Bulk read',
  unusual_volume: 'Unusual volume',
  unusual_unexplained: 'Unexplained reads',
  slow_drift: 'Slow drift',
  novelty: 'Novelty',
  session_start: 'Unusual hour',
  sequence: 'Sequence',
  id_block: 'Id block',
  subject_fan_in: 'Subject fan-in',
  no_case: 'No case',
  canary: 'Canary',
  protected_subject: 'Protected subject',
  staff_subject: 'Oneself or a colleague',
  leaver: 'Leaver',
  first_seen: 'First seen',
  enumeration: 'Enumeration',
  denied_burst: 'Denied burst',
  no_actor: 'No actor',
  outbound_bytes: 'Outbound bytes',
  egress: 'Egress',
  beacon: 'Beacon',
  port_scan: 'Port scan',
  impossible_travel: 'Impossible travel',
  dormant_system: 'Dormant system',
  sensitive_identifier: 'Sensitive identifier',
  read_then_outflow: 'Read, then outflow',
  factor_removed_then_read: 'Factor removed, then read',
  silent_source: 'Silent source',
  rule: 'Rule',
};

/** A detector a newer server knows is shown by its name, in words. */
export function detectorWord(name: string): string {
  return detectors[name] ?? sentence(name);
}

/** `snake_case` to `Snake case`. */
export function sentence(name: string): string {
  const words = name.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Where an entry can be looked up again: `access/3@8123`. */
export function origin(source: Origin): string {
  if ('topic' in source) return `${source.topic}/${source.partition}@${source.offset}`;
  if ('file' in source) return `${source.file}:${source.line}`;
  return source.monitor;
}

/** `Ann, Ben and 3 more`. */
export function some(names: string[], shown = 2): string {
  const all = names.map(visible);
  if (all.length <= shown) return all.join(', ');
  return `${all.slice(0, shown).join(', ')} and ${names.length - shown} more`;
}

/**
 * Control characters, and those that turn the direction of what stands after them, written out: the
 * same as the exports do. Line breaks and tabs are white space here.
 */
const HIDDEN = /[\0-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

export function visible(text: string): string {
  return text.replace(HIDDEN, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
}

const INSTANT = /\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z/g;

/** Enough of a long id to tell it from others; what nobody would shorten stays. */
export function shortId(id: string): string {
  return id.length > 20 ? `${id.slice(0, 12)}…` : id;
}

/**
 * ``last from `pnr` `` in parts: names stand between backticks, of which a lonely one is text.
 * Instants are shown as everywhere else.
 */
export function named(text: string): { text: string; name: boolean }[] {
  const parts = visible(text).replace(INSTANT, '$1 $2 UTC').split(/`([^`]+)`/);
  return parts.map((part, at) => ({ text: part, name: at % 2 === 1 })).filter((part) => part.text !== '');
}

/** The same where nothing can be set apart. */
export function unquoted(text: string): string {
  return named(text).map((part) => part.text).join('');
}

/** `bulk_read, 80 when it was told 7 h before …`: the detector in words. */
export function termWhy(why: string): string {
  const name = /^\w+/.exec(why)?.[0] ?? '';
  return name in detectors ? detectorWord(name) + why.slice(name.length) : why;
}
