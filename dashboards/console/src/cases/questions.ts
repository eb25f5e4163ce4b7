/** What has to be asked before something is done, to one incident or to many. */

import { resolutionWord } from '../format/words';
import { form } from '../parts/form.svelte';
import { RESOLUTIONS, type Act, type Resolution } from '../wire/cases';
import { me } from './me.svelte';
import type { StepKind } from './steps';

const HINTS: Record<Resolution, string> = {
  true_positive: 'It was a breach, or an attempt at one. The detectors learn nothing from it.',
  benign: 'It happened, and was allowed. An exception is proposed then.',
  false_positive: 'It did not happen: the detector was wrong.',
  test: 'Somebody tried the monitor.',
};

/** The act of a step, with what it needs; `null` when the person thinks better of it. */
export async function askStep(kind: StepKind): Promise<Act | null> {
  if (kind === 'resolve') return askResolve();
  return kind === 'reopen' ? askReopen() : { kind };
}

async function askResolve(): Promise<Act | null> {
  const options = RESOLUTIONS.map((value) => ({ value, word: resolutionWord[value], hint: HINTS[value] }));
  const answers = await form.ask({
    title: 'What did it turn out to be?',
    fields: [
      { name: 'resolution', label: 'Resolution', kind: 'choice', options },
      { name: 'note', label: 'Note', kind: 'area' },
    ],
    submit: 'Resolve',
  });
  if (!answers?.resolution) return null;
  return { kind: 'resolve', resolution: answers.resolution as Resolution, note: answers.note || null };
}

async function askReopen(): Promise<Act | null> {
  const answers = await form.ask({
    title: 'Reopen',
    fields: [{ name: 'reason', label: 'Why', kind: 'area', required: true }],
    submit: 'Reopen',
  });
  return answers?.reason ? { kind: 'reopen', reason: answers.reason } : null;
}

export async function askAssign(now: string | null, people: readonly string[]): Promise<Act | null> {
  const known = [...new Set([...(me.name ? [me.name] : []), ...people])];
  const answers = await form.ask({
    title: 'Assign',
    fields: [
      { name: 'to', label: 'To', kind: 'text', value: now ?? '', known, hint: 'Leave it empty for nobody.' },
    ],
    submit: 'Assign',
  });
  return answers ? { kind: 'assign', to: answers.to || null } : null;
}

export async function assignToMe(): Promise<Act | null> {
  const by = await me.by();
  const name = by ?? me.name;
  return name ? { kind: 'assign', to: name } : null;
}

export async function askComment(): Promise<Act | null> {
  const answers = await form.ask({
    title: 'Comment',
    fields: [{ name: 'text', label: 'What to say', kind: 'area', required: true }],
    submit: 'Comment',
  });
  return answers?.text ? { kind: 'comment', text: answers.text } : null;
}

export async function askLink(): Promise<Act | null> {
  const answers = await form.ask({
    title: 'Link a ticket or a page',
    fields: [
      { name: 'url', label: 'Address', kind: 'url', required: true, max: 2000, hint: 'Begins with https:// or http://' },
      { name: 'title', label: 'Title', kind: 'text' },
    ],
    submit: 'Link',
  });
  return answers?.url ? { kind: 'link', url: answers.url, title: answers.title || null } : null;
}

/** Another incident that is part of this one. `near` are those it could be. */
export async function askAbsorb(near: readonly { id: string; title: string }[]): Promise<Act | null> {
  const answers = await form.ask({
    title: 'Absorb another incident',
    text: 'Its findings, timeline and acts come here, and it is shown as absorbed. This cannot be undone; a finding can be split off again.',
    fields: [
      {
        name: 'incident',
        label: 'Incident',
        kind: 'text',
        required: true,
        known: near.map(({ id }) => id),
        hint: near.length > 0 ? near.slice(0, 3).map(({ id, title }) => `${id.slice(0, 12)} ${title}`).join('; ') : 'Its id, as its page shows it.',
      },
    ],
    submit: 'Absorb',
  });
  return answers?.incident ? { kind: 'absorb', incident: answers.incident } : null;
}

/** A finding that does not belong here. */
export async function askSplit(finding: string, why: string): Promise<Act | null> {
  const answers = await form.ask({
    title: 'Split this finding off',
    text: `It becomes an incident of its own, with what only it is about: ${why}`,
    fields: [],
    submit: 'Split off',
  });
  return answers ? { kind: 'split', finding } : null;
}
