/**
 * Does things to incidents and says how it went: a word with Undo where it was done, the reason
 * where it was refused.
 */

import { plural } from '../format/number';
import * as api from '../wire/api';
import type { Act, Acted, BulkResult, Case } from '../wire/cases';
import { me } from './me.svelte';
import { changedMeanwhile, mayBeTakenBack, restsOnCase, told } from './steps';

export interface Toast {
  id: number;
  kind: 'done' | 'refused';
  text: string;
  /** What Undo takes back. */
  acts: { incident: string; act: number }[];
  /** What takes back what is no act of an incident. */
  back?: () => Promise<unknown>;
}

const TOASTS_MAX = 3;
/** Incidents the API acts on at once. */
const BULK_MAX = 200;
/**
 * Long enough to think again, or until something else is done; the list of acts undoes later.
 * Refusals stay until they are read.
 */
const SHOWN_MS = 15_000;

class Doing {
  toasts = $state.raw<Toast[]>([]);
  busy = $state(false);
  #next = 1;

  /** `null` where it was not done; where the case has changed, `changed` is told what it is now. */
  async act(
    incident: string,
    act: Act,
    seen: Case,
    changed: (now: Case) => void,
  ): Promise<Acted | null> {
    const by = await me.by();
    if (by === null) return null;
    this.busy = true;
    try {
      const revision = restsOnCase(act) ? seen.revision : undefined;
      const done = await api.act(incident, by, act, revision);
      changed(done.case);
      this.say('done', told(act), mayBeTakenBack(act) ? [{ incident, act: done.act.number }] : []);
      return done;
    } catch (error) {
      const refused = error instanceof api.ApiError ? error : null;
      if (refused?.current) changed(refused.current);
      const stale = refused?.code === 'stale';
      this.say('refused', stale ? changedMeanwhile(refused.current) : words(error));
      return null;
    } finally {
      this.busy = false;
    }
  }

  /** The same to several, each by itself. Those it cannot be done to are told apart. */
  async all(incidents: string[], act: Act): Promise<BulkResult[]> {
    const by = await me.by();
    if (by === null || incidents.length === 0) return [];
    this.busy = true;
    try {
      const results: BulkResult[] = [];
      for (let at = 0; at < incidents.length; at += BULK_MAX) {
        const answer = await api.actOnAll(incidents.slice(at, at + BULK_MAX), by, act);
        results.push(...answer.results);
      }
      const done = results.flatMap(({ incident, done }) =>
        done ? [{ incident, act: done.act.number }] : [],
      );
      if (done.length > 0) this.say('done', `${told(act)}: ${plural(done.length, 'incident')}`, done);
      const refused = results.flatMap(({ error }) => (error ? [error.message] : []));
      if (refused.length > 0) {
        const why = [...new Set(refused)].slice(0, 2).join('; ');
        this.say('refused', `Not done to ${plural(refused.length, 'incident')}: ${why}.`);
      }
      return results;
    } catch (error) {
      this.say('refused', words(error));
      return [];
    } finally {
      this.busy = false;
    }
  }

  /** Takes back what the toast tells of. */
  async undo(toast: Toast): Promise<void> {
    this.dismiss(toast.id);
    const by = await me.by();
    if (by === null) return;
    const refused: string[] = [];
    await toast.back?.().catch((error: unknown) => refused.push(words(error)));
    for (const { incident, act } of toast.acts) {
      await api.act(incident, by, { kind: 'undo', act }).catch((error: unknown) => refused.push(words(error)));
    }
    if (refused.length > 0) this.say('refused', `Not undone: ${refused[0]}`);
    else this.say('done', `Undone: ${toast.text}`);
  }

  undoLast(): void {
    const last = this.toasts.findLast(mayBeUndone);
    if (last) void this.undo(last);
  }

  say(kind: Toast['kind'], text: string, acts: Toast['acts'] = [], back?: Toast['back']): void {
    const toast: Toast = { id: this.#next++, kind, text, acts, ...(back ? { back } : {}) };
    const rest = this.toasts.filter((other) => kind === 'refused' || other.kind === 'refused');
    this.toasts = [...rest, toast].slice(-TOASTS_MAX);
    if (kind === 'done') setTimeout(() => this.dismiss(toast.id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }
}

export function mayBeUndone(toast: Toast): boolean {
  return toast.acts.length > 0 || toast.back !== undefined;
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const doing = new Doing();
