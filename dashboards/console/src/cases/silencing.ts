/** Makes and ends silences, and says how it went: each with Undo. */

import { dayAndClock } from '../format/time';
import { severityWord } from '../format/words';
import { form, type Field } from '../parts/form.svelte';
import * as api from '../wire/api';
import type { KeptSilence, Matcher, SilenceProposals } from '../wire/silences';
import { SEVERITIES } from '../wire/types';
import { doing } from './doing.svelte';
import { me } from './me.svelte';
import { about, keyWord, matcherOf, moment } from './silences';

const AFTER = 'What is still open when it ends is told then. Everything is shown here all the same.';
const UNTIL: Field = {
  name: 'until',
  label: 'For how long, or until when',
  kind: 'time',
  value: '2 h',
  required: true,
  hint: 'Such as 90 min, 2 h, 3 d, or 2026-03-02 18:00 (UTC); 92 days at most.',
};
const REASON: Field = { name: 'reason', label: 'Why', kind: 'area', required: true, max: 500 };
const owner = (): Field => ({
  name: 'owner',
  label: 'Who answers for it',
  kind: 'text',
  value: me.name ?? '',
  max: 100,
  hint: 'Left empty, it is you.',
});

/** Asks what to silence; `sinks` are those there are. */
export async function askSilence(sinks: readonly string[]): Promise<void> {
  const by = await me.by();
  if (by === null) return;
  const list = (name: 'actor' | 'source' | 'dataset' | 'category' | 'detector' | 'incident', hint: string): Field => ({
    name,
    label: keyWord[name],
    kind: 'text',
    max: 2000,
    hint,
  });
  const answers = await form.ask({
    title: 'Silence',
    text: `Nobody is told of incidents that are wholly about what is named here. ${AFTER}`,
    fields: [
      list('actor', 'Several with commas between; every actor of the incident has to be named.'),
      list('source', 'Such as 10.20.3.17.'),
      list('dataset', 'Such as pnr.'),
      list('category', 'Such as travel.'),
      list('detector', 'As the API calls it, such as bulk_read.'),
      {
        name: 'severity',
        label: 'Severity',
        kind: 'checks',
        value: '',
        options: SEVERITIES.map((value) => ({
          value,
          word: severityWord[value],
          ...(value === 'critical' ? { hint: 'Without it, what is critical is always told.' } : {}),
        })),
      },
      ...(sinks.length > 0
        ? [{ name: 'sink', label: 'Only what is told to', kind: 'checks' as const, value: '', options: sinks.map((value) => ({ value, word: value })) }]
        : []),
      { name: 'from', label: 'From', kind: 'time', hint: 'Now, if left empty; else such as 2026-03-02 18:00 (UTC), or in 2 h.' },
      UNTIL,
      REASON,
      owner(),
    ],
    submit: 'Silence',
  });
  if (answers) await add(matcherOf(answers), answers, null, by);
}

/** Asks which of the proposals for an incident it is to be. */
export async function askSilenceOf(id: string): Promise<void> {
  const by = await me.by();
  if (by === null) return;
  let proposed: SilenceProposals;
  try {
    proposed = await api.silenceProposals(id);
  } catch (error) {
    refused(error);
    return;
  }
  const options = proposed.proposals.map(({ match, why }, at) => ({ value: String(at), word: about(match), hint: why }));
  const answers = await form.ask({
    title: 'Silence',
    text: `Nobody is told of what you choose. ${AFTER}`,
    fields: [{ name: 'which', label: 'What', kind: 'choice', options }, UNTIL, REASON, owner()],
    submit: 'Silence',
  });
  const match = proposed.proposals[Number(answers?.which)]?.match;
  if (answers && match) await add(match, answers, id, by);
}

async function add(match: Matcher, answers: Record<string, string>, incident: string | null, by: string | undefined) {
  const nowMs = Date.now();
  const from = answers.from ? moment(answers.from, nowMs) : undefined;
  const until = moment(answers.until ?? '', from ?? nowMs);
  const wrong = from === null ? answers.from : until === null ? answers.until : undefined;
  if (from === null || until === null) {
    doing.say('refused', `“${wrong}” is no time, such as 2 h or ${dayAndClock(nowMs).slice(0, 16)}.`);
    return;
  }
  const silence = {
    reason: answers.reason ?? '',
    until: new Date(until).toISOString(),
    match,
    ...(answers.owner ? { owner: answers.owner } : {}),
    ...(from === undefined ? {} : { from: new Date(from).toISOString() }),
  };
  try {
    const kept = await api.addSilence(silence, incident, by);
    const said = `Silenced until ${dayAndClock(kept.until).slice(0, 16)}: ${about(kept.match)}`;
    doing.say('done', said, [], () => api.endSilence(kept.id, 'undone', by));
  } catch (error) {
    refused(error);
  }
}

export async function end(kept: KeptSilence): Promise<void> {
  const by = await me.by();
  if (by === null) return;
  const answers = await form.ask({
    title: kept.state === 'pending' ? 'Take the silence back' : 'End the silence now',
    text: `${about(kept.match)}. ${kept.notices > 0 ? 'What it keeps back is told within seconds, where the incident is still open.' : 'It keeps nothing back at the moment.'}`,
    fields: [{ name: 'reason', label: 'Why', kind: 'area', max: 500 }],
    submit: 'End it',
  });
  if (!answers) return;
  try {
    await api.endSilence(kept.id, answers.reason || null, by);
    doing.say('done', `Silence ended: ${about(kept.match)}`, [], () => api.resumeSilence(kept.id, by));
  } catch (error) {
    refused(error);
  }
}

function refused(error: unknown): void {
  doing.say('refused', error instanceof Error ? error.message : String(error));
}
