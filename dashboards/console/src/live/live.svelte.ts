/**
 * The live stream, shared by all pages: one connection, the latest counters, the newest incidents
 * and findings. Tells honestly how old they are.
 */

import * as api from '../wire/api';
import type { ActTold } from '../wire/cases';
import type { Finding, Incident, Stats } from '../wire/types';
import { append, type Sample } from './history';
import { begin, failed, heard, isDead, isLate, opened, trust, trying, type Link } from './link';
import { newerCase, upsertFinding, upsertIncident } from './newest';

const TICK_MS = 1_000;
/**
 * A window that nobody sees lets go of its stream after so long: over HTTP/1.1 a browser has six
 * connections to a server for all its windows, and six streams leave none to load anything with.
 */
const REST_AFTER_MS = 10_000;

export type Loading = 'loading' | 'loaded' | { failed: string };

class Live {
  stats = $state.raw<Stats | null>(null);
  history = $state.raw<Sample[]>([]);
  incidents = $state.raw<Incident[]>([]);
  findings = $state.raw<Finding[]>([]);
  /** Of the two lists above, which are asked for once and then kept up by the stream. */
  lists = $state.raw<Loading>('loading');
  nowMs = $state(Date.now());
  #link = $state.raw<Link>(begin(Date.now()));
  trust = $derived(trust(this.#link, this.nowMs));
  /** Numbers on the screen are of now. */
  fresh = $derived(this.trust.word === 'live');
  /** The first word is overdue. */
  late = $derived(isLate(this.trust));

  #source: EventSource | null = null;
  #hiddenMs: number | null = null;
  #resting = false;
  #holds = 0;
  #listeners = new Set<(incident: Incident) => void>();
  #actListeners = new Set<(told: ActTold) => void>();
  #connectListeners = new Set<() => void>();

  start(): () => void {
    this.#connect();
    const timer = setInterval(() => this.#tick(), TICK_MS);
    const seen = () => this.#seen();
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      this.#source?.close();
    };
  }

  onIncident(listener: (incident: Incident) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What people do, ourselves too. */
  onAct(listener: (told: ActTold) => void): () => void {
    this.#actListeners.add(listener);
    return () => this.#actListeners.delete(listener);
  }

  /** Each time the stream is there: at first, and after an outage, during which nothing was heard. */
  onConnect(listener: () => void): () => void {
    this.#connectListeners.add(listener);
    return () => this.#connectListeners.delete(listener);
  }

  /** Keeps the stream while nobody sees the window, for what tells by its title; the end of that comes back. */
  hold(): () => void {
    this.#holds += 1;
    return () => (this.#holds -= 1);
  }

  retryNow(): void {
    this.#connect();
  }

  #seen(): void {
    this.#hiddenMs = document.visibilityState === 'hidden' ? Date.now() : null;
    if (this.#hiddenMs !== null || !this.#resting) return;
    this.#resting = false;
    this.nowMs = Date.now();
    this.#link = begin(this.nowMs);
    this.#connect();
  }

  #tick(): void {
    this.nowMs = Date.now();
    if (this.#resting) return;
    if (this.#hiddenMs !== null && this.#holds === 0 && this.nowMs - this.#hiddenMs >= REST_AFTER_MS) {
      this.#resting = true;
      this.#source?.close();
      this.#source = null;
      return;
    }
    const retryAt = this.#link.retryAtMs;
    if (isDead(this.#link, this.nowMs)) this.#drop();
    else if (retryAt !== null && this.nowMs >= retryAt) this.#connect();
  }

  #connect(): void {
    this.#source?.close();
    this.#link = trying(this.#link, Date.now());
    const source = new EventSource('/api/v1/stream');
    this.#source = source;
    source.onopen = () => {
      this.#link = opened(this.#link, Date.now());
      void this.#loadLists();
      for (const listener of this.#connectListeners) listener();
    };
    source.onerror = () => this.#drop();
    this.#listen<Stats>(source, 'stats', (stats) => {
      this.stats = stats;
      this.history = append(this.history, stats, Date.now());
    });
    this.#listen<Incident>(source, 'incident', (incident) => {
      this.incidents = upsertIncident(this.incidents, incident);
      for (const listener of this.#listeners) listener(incident);
    });
    this.#listen<ActTold>(source, 'act', (told) => {
      const about = told.case;
      if (about) {
        this.incidents = this.incidents.map((incident) =>
          incident.id === told.act.incident ? newerCase(incident, about) : incident,
        );
      }
      for (const listener of this.#actListeners) listener(told);
    });
    this.#listen<Finding>(source, 'finding', (finding) => {
      this.findings = upsertFinding(this.findings, finding);
    });
  }

  #listen<T>(source: EventSource, name: string, take: (data: T) => void): void {
    source.addEventListener(name, (event) => {
      let data: T;
      try {
        data = JSON.parse((event as MessageEvent<string>).data) as T;
      } catch {
        return; // Not heard: an unreadable message proves nothing.
      }
      this.nowMs = Date.now();
      this.#link = heard(this.#link, this.nowMs);
      take(data);
    });
  }

  #drop(): void {
    this.#source?.close();
    this.#source = null;
    this.#link = failed(this.#link, Date.now(), Math.random());
  }

  /** On each connection anew: what happened during an outage did not come by the stream. */
  async #loadLists(): Promise<void> {
    try {
      const [incidents, findings] = await Promise.all([
        api.incidents({ limit: 20 }),
        api.findings({ limit: 20 }),
      ]);
      this.incidents = incidents.items.reduce(upsertIncident, this.incidents);
      this.findings = findings.items.reduce(upsertFinding, this.findings);
      this.lists = 'loaded';
    } catch (error) {
      if (this.lists === 'loaded') return; // What is shown stays; the link tells its age.
      this.lists = { failed: error instanceof Error ? error.message : String(error) };
    }
  }
}

export const live = new Live();
