// What people do to the made-up incidents, enough to develop the console on: each state can be
// reached, and everything undone. The engine's rules are not kept here; tests run on the real one.

const TO = { acknowledge: 'acknowledged', investigate: 'investigating', contain: 'contained', resolve: 'resolved', reopen: 'investigating' };
const REGIME = { id: 'gdpr', name: 'GDPR', law: 'Regulation (EU) 2016/679, Article 33', recipient: 'the supervisory authority', note: '' };
const PHASE = { id: 'notification', name: 'Notification', after: null };
const FEEDBACK = { true_positive: 5, benign: 2, false_positive: 1, test: 0, precision: 5 / 8 };

export class Cases {
  #acts = [];
  budget = { budget_per_1000_actors_day: 5, from: 'config', config: 5, changed: null, by: null, published: true };

  of(id) {
    const undone = new Set(this.#acts.filter((a) => a.act.kind === 'undo').map((a) => a.act.act));
    const about = { state: 'new', resolution: null, assignee: null, revision: 0, changed: null, changed_by: null, comments: 0, links: [], aware: [], notified: [], warned: [] };
    for (const { number, time, by, act, incident } of this.#acts) {
      if (incident !== id) continue;
      about.revision += 1;
      about.changed = time;
      about.changed_by = by;
      if (undone.has(number)) continue;
      if (TO[act.kind]) {
        about.state = TO[act.kind];
        about.resolution = act.resolution ?? null;
      }
      if (act.kind === 'assign') about.assignee = act.to;
      if (act.kind === 'comment') about.comments += 1;
      if (act.kind === 'link') about.links.push({ act: number, ...act });
      if (act.kind === 'aware') about.aware.push({ ...act, act: number, at: act.at ?? time, by });
      if (act.kind === 'notified') about.notified.push({ ...act, act: number, at: act.at ?? time, by });
    }
    return about;
  }

  acts(id) {
    return this.#acts.filter((act) => act.incident === id);
  }

  do(incident, by, act) {
    const { kind, ...rest } = act;
    const text = `${by} did ${kind} ${Object.values(rest).filter(Boolean).join(', ')}`;
    const done = { number: this.#acts.length + 1, incident, origin: incident, time: new Date().toISOString(), by, act, text };
    this.#acts.push(done);
    return { act: done, case: this.of(incident), proposal: null };
  }

  setBudget({ budget_per_1000_actors_day: wanted, by }) {
    const now = new Date().toISOString();
    const budget = wanted ?? this.budget.config;
    this.budget = { ...this.budget, budget_per_1000_actors_day: budget, from: wanted === null ? 'config' : 'api', changed: now, by };
    return this.budget;
  }

  clocks(id) {
    const now = Date.now();
    return this.of(id).aware.map(({ at }) => {
      const due = Date.parse(at) + 72 * 3_600_000;
      const told = this.of(id).notified[0]?.at ?? null;
      return {
        regime: REGIME.id, regime_name: REGIME.name, law: REGIME.law, recipient: REGIME.recipient, phase: PHASE.id, phase_name: PHASE.name,
        state: told ? 'met' : 'running', started: at, due: new Date(due).toISOString(), notified: told,
        seconds_left: told ? null : Math.floor((due - now) / 1000),
      };
    });
  }

  /** Answers what is only read; `undefined` where it is none of these. */
  get(path, id, detectors) {
    const now = new Date().toISOString();
    if (path === '/api/v1/me') return { user: null, by_proxy: false };
    if (path === '/api/v1/regimes') return { regimes: [{ ...REGIME, phases: [PHASE] }] };
    if (path === '/api/v1/me') return { user: null, by_proxy: false };
    if (path === '/api/v1/silences') return { now, silences: [], file: [], maintenance: [], sinks: [] };
    if (path === '/api/v1/exceptions') return { exceptions: [], file: [] };
    if (path === '/api/v1/budget') return this.budget;
    if (path === '/api/v1/rules') return { rules: [] };
    if (path === '/api/v1/detectors') {
      return { detectors: Object.entries(detectors).map(([name, findings]) => ({ name, mode: 'on', findings, suppressed: 0, feedback: FEEDBACK })) };
    }
    if (path.endsWith('/acts')) return { case: this.of(id), acts: this.acts(id) };
    if (path.endsWith('/clocks')) return { incident: id, now, clocks: this.clocks(id) };
    if (path.endsWith('/exception-proposal')) return { incident: id, since: now, proposals: [] };
    if (path.endsWith('/notification')) {
      const gaps = ['what somebody still has to write'];
      return { ...REGIME, regime: REGIME.name, incident: id, drafted: now, clocks: this.clocks(id), items: [{ title: 'Nature of the breach', lines: ['Made up'], gaps }], gaps: 1 };
    }
    return undefined;
  }
}
