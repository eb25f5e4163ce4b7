/** What may be done with a case as it stands. The engine decides; this only offers what it takes. */

import type { Act, Case, Recorded, State } from '../wire/cases';

export type StepKind = 'acknowledge' | 'investigate' | 'contain' | 'resolve' | 'reopen';

export interface Step {
  kind: StepKind;
  /** On its button. */
  word: string;
  /** Single key. */
  key: string;
  from: readonly State[];
}

export const STEPS: readonly Step[] = [
  { kind: 'acknowledge', word: 'Acknowledge', key: 'a', from: ['new'] },
  { kind: 'investigate', word: 'Investigate', key: 'v', from: ['new', 'acknowledged', 'contained'] },
  { kind: 'contain', word: 'Contain', key: 'c', from: ['acknowledged', 'investigating'] },
  {
    kind: 'resolve',
    word: 'Resolve',
    key: 'r',
    from: ['new', 'acknowledged', 'investigating', 'contained'],
  },
  { kind: 'reopen', word: 'Reopen', key: 'o', from: ['resolved'] },
];

export function steps(state: State): Step[] {
  return STEPS.filter((step) => step.from.includes(state));
}

/** Whether what was seen of the case matters: a comment stands by itself. */
export function restsOnCase(act: Act): boolean {
  return !['comment', 'link', 'undo', 'absorb', 'split'].includes(act.kind);
}

const UNDOABLE = new Set([
  'acknowledge', 'investigate', 'contain', 'resolve', 'reopen', 'assign', 'comment', 'link', 'aware', 'notified',
]);

/** What was undone, absorbed or split off stays so. */
export function mayBeTakenBack(act: Act): boolean {
  return UNDOABLE.has(act.kind);
}

/** Of one strand only the last can be undone: what came after was allowed because of it. */
function strand(kind: string): 'state' | 'assignee' | 'alone' {
  if (kind === 'assign') return 'assignee';
  return ['acknowledge', 'investigate', 'contain', 'resolve', 'reopen'].includes(kind) ? 'state' : 'alone';
}

/** Numbers of the acts that can be taken back now. */
export function undoable(acts: readonly Recorded[]): Set<number> {
  const undone = undoneOf(acts);
  const found = new Set<number>();
  const closed = new Set<string>();
  for (const act of acts.toReversed()) {
    const { kind } = act.act;
    if (undone.has(act.number) || !UNDOABLE.has(kind)) continue;
    const of = strand(kind);
    const place = `${of} ${act.origin ?? ''}`;
    if (of === 'alone' || !closed.has(place)) found.add(act.number);
    closed.add(place);
  }
  return found;
}

/** Numbers of the acts that were taken back. */
export function undoneOf(acts: readonly Recorded[]): Set<number> {
  return new Set(acts.filter((act) => act.act.kind === 'undo').map((act) => act.act.act ?? -1));
}

/** What is said where an act was refused because the case is another by now. */
export function changedMeanwhile(current: Case | null): string {
  const who = current?.changed_by;
  const whose = who ? `${who} changed the incident meanwhile` : 'The incident was changed meanwhile';
  return `${whose}. Nothing was done; the page now shows it as it is.`;
}

const toldOf: Record<Act['kind'], string> = {
  acknowledge: 'Acknowledged',
  investigate: 'Under investigation',
  contain: 'Contained',
  resolve: 'Resolved',
  reopen: 'Reopened',
  assign: 'Assigned',
  comment: 'Commented',
  link: 'Linked',
  undo: 'Undone',
  aware: 'Aware: the clocks run',
  notified: 'Notification recorded',
  absorb: 'It will be absorbed in a moment',
  split: 'It will be split off in a moment',
};

export function told(act: Act): string {
  if (act.kind === 'assign') return act.to === null ? 'Assigned to nobody' : `Assigned to ${act.to}`;
  if (act.kind === 'resolve') return `Resolved as ${act.resolution.replace('_', ' ')}`;
  return toldOf[act.kind];
}
