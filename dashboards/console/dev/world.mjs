// Made-up incidents, findings, timelines and counters for the mock server. Seeded: each start
// tells the same story.

const SEVERITY_WORDS = ['critical', 'high', 'medium', 'low', 'informational'];
const DATASETS = [
  { dataset: 'pnr', category: 'travel', tier: 2 },
  { dataset: 'visa', category: 'identity', tier: 2 },
  { dataset: 'biometrics', category: 'biometric', tier: 3 },
  { dataset: 'watchlist', category: 'enforcement', tier: 3 },
  { dataset: 'manifests', category: 'cargo', tier: 1 },
  { dataset: 'declarations', category: 'cargo', tier: 1 },
  { dataset: 'payments', category: 'financial', tier: 2 },
];
const STORIES = [
  {
    detector: 'bulk_read', severity: 'high', unit: 'subjects', attack: ['T1213.006'],
    title: (a, d) => `${a} read far more travelers in ${d} than officers of their unit do`,
    why: () => "412 distinct travelers in 10 min; this officer's usual Monday 14:00 stays under 23, the 61 border officers of AMS-T2 under 31",
  },
  {
    detector: 'read_then_outflow', severity: 'critical', unit: 'bytes', attack: ['T1213.006', 'T1048', 'T1567.002'],
    title: (a, d) => `${a} read ${d} in bulk, then 74.2 MB left the network from the same workstation`,
    why: () => '74.2 MB to 203.0.113.9 (files.example.net) 12 min after 1,840 travelers were read from 10.20.3.17; nothing of the kind in 30 days',
  },
  {
    detector: 'protected_subject', severity: 'medium', unit: 'subjects', attack: ['T1213'],
    title: (a, d) => `${a} opened the record of a protected person in ${d} without a case`,
    why: () => '1 protected subject read without a case; 3 of the 1,204 officers did so in the last 90 days',
  },
  {
    detector: 'leaver', severity: 'high', unit: 'events', attack: ['T1078.002'],
    title: (a) => `${a} left on 2026-02-27 and the account is still reading`,
    why: () => '37 reads by an account the directory says has left',
  },
  {
    detector: 'enumeration', severity: 'high', unit: 'records', attack: ['T1213', 'T1087'],
    title: (a, d) => `${a} walks through ${d} record by record`,
    why: () => '2,318 record ids in ascending order without a gap above 3 in 14 min; expected under 20',
  },
  {
    detector: 'denied_burst', severity: 'medium', unit: 'events', attack: ['T1110'],
    title: (a, d) => `${a} was refused 212 times in ${d}`,
    why: () => '212 denied reads in 5 min; expected under 6',
  },
  {
    detector: 'first_seen', severity: 'low', unit: 'events', attack: ['T1213'],
    title: (a, d) => `${a} opened ${d} for the first time`,
    why: () => 'first read of this dataset by this actor in 90 days; 2 of 44 peers use it',
  },
];
const UNITS = ['AMS-T2', 'RTM-MV2', 'LHR-T5', 'FRA-CGO', 'CDG-2E'];

function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const hex = (random) => Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
const iso = (ms) => new Date(ms).toISOString();

export class World {
  #random = seeded(20260302);
  #started = Date.now() - 3 * 3_600_000;
  #counts = { access: 0, auth: 0, network: 0 };
  #reads = {};
  #rate = 1200;
  #steps = 0;
  #told = null;
  incidents = [];
  findings = [];

  constructor({ empty, linesMin }) {
    this.empty = empty;
    this.linesMin = linesMin;
    if (empty) return;
    this.#counts = { access: 9_841_223, auth: 412_004, network: 6_230_118 };
    this.#reads = { travel: 6_113_220, identity: 1_802_311, cargo: 1_204_118, enforcement: 402_107, financial: 210_004, biometric: 109_463 };
    for (let n = 0; n < 240; n++) this.#open(Date.now() - 40_000 - n * n * 9_000);
  }

  #pick(list) {
    return list[Math.floor(this.#random() * list.length)];
  }

  #open(timeMs) {
    const random = this.#random;
    const story = this.#pick(STORIES);
    const scope = this.#pick(DATASETS);
    const actor = random() < 0.85 ? `off-${10000 + Math.floor(random() * 900)}` : this.#pick(['svc-api-gateway', 'svc-risk-engine', 'partner-nl-kmar-07']);
    const ip = `10.${20 + Math.floor(random() * 6)}.${Math.floor(random() * 12)}.${10 + Math.floor(random() * 200)}`;
    const signal = story.severity === 'low';
    const quiet = Date.now() - timeMs > 40 * 60_000;
    const findings = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, n) => this.#finding(n === 0 ? story : this.#pick(STORIES), actor, ip, scope, timeMs - n * 120_000));
    const subjects = story.detector === 'protected_subject' ? 1 : Math.floor(20 + random() ** 3 * 180_000);
    const records = Math.floor(subjects * (1 + random()));
    const second = this.#pick(DATASETS);
    const score = { critical: 88, high: 68, medium: 44, low: 18 }[story.severity] + Math.floor(random() * 10);
    const incident = {
      id: hex(random), opened: signal ? null : iso(timeMs), updated: iso(timeMs + 30_000), severity: story.severity, score,
      status: signal ? 'signal' : quiet ? 'quiet' : 'open',
      title: story.title(actor, scope.dataset), why: story.why(),
      actors: [actor], sources: random() < 0.2 ? [ip, '10.20.9.4', 'fd12:3456:789a::17'] : [ip],
      datasets: [{ ...scope, records, subjects }].concat(second.dataset === scope.dataset ? [] : [{ ...second, records: Math.ceil(records / 40), subjects: Math.ceil(subjects / 50) }]),
      subjects, subjects_error: subjects > 100_000 ? 0.0081 : 0, records, bytes: records * 1834,
      first_event: iso(timeMs - 900_000), last_event: iso(timeMs + 600_000), first_finding: iso(timeMs),
      attack: story.attack, findings: findings.map((f) => f.id), timeline_length: 0,
      score_terms: [
        { term: 'finding', points: score * 0.42, why: `${story.detector}, the strongest of ${findings.length}` },
        { term: 'sensitivity', points: score * 0.27, why: `T${scope.tier}, ${scope.category}` },
        { term: 'amount', points: score * 0.21, why: `${subjects} people` },
        { term: 'variety', points: score * 0.1, why: `${new Set(findings.map((f) => f.detector)).size} kinds of finding` },
      ],
      merged_into: null,
    };
    this.findings.push(...findings);
    incident.timeline_length = this.linesMin > 0 ? this.linesMin : this.#tell(incident).length;
    this.incidents.push(incident);
    return { incident, finding: findings[0] };
  }

  #finding(story, actor, ip, scope, timeMs) {
    const observed = story.unit === 'bytes' ? 74_200_000 : 40 + Math.floor(this.#random() * 2300);
    return {
      id: hex(this.#random), time: iso(timeMs), detector: story.detector, rule: null, severity: story.severity,
      score: { critical: 92, high: 71, medium: 48, low: 20 }[story.severity], key: { kind: 'actor', value: actor }, actor,
      source_ip: ip, session: `s-${hex(this.#random).slice(0, 4)}`, dataset: scope.dataset, category: scope.category, tier: scope.tier,
      window: { start: iso(timeMs - 600_000), end: iso(timeMs) }, observed, expected: story.unit === 'bytes' ? 1_200_000 : 23, unit: story.unit,
      subjects: 412, records: 618, bytes: 1_133_412, attack: story.attack, why: story.why(), evidence: [hex(this.#random), hex(this.#random)],
    };
  }

  /** The same entries each time for one incident. */
  entries(incident) {
    if (this.#told?.id !== incident.id) this.#told = { id: incident.id, entries: this.#tell(incident) };
    return this.#told.entries;
  }

  #tell(incident) {
    const random = seeded(Number.parseInt(incident.id.slice(0, 8), 16));
    const first = Date.parse(incident.first_event);
    const actor = incident.actors[0];
    const list = [];
    const add = (timeMs, kind, action, text, more = {}) =>
      list.push({
        time: iso(timeMs), kind, action, outcome: 'allowed', actor, session: 's-7f3a', source_ip: incident.sources[0], host: 'ws-113', site: 'AMS',
        system: kind === 'auth' ? 'sso' : 'pnr-gateway', dataset: null, category: null, tier: 0, destination: null, records: 0, bytes: 0, subjects: 0,
        tokens: [], case: false, severity: null, finding: null, text, in: null,
        source: { topic: kind === 'flow' ? 'network' : kind, partition: Math.floor(random() * 6), offset: 812_300 + list.length * 7 }, ...more,
      });
    add(first, 'auth', 'login', `${actor} logged in to sso from ${incident.sources[0]}, ${UNITS[0]}, with a second factor`);
    for (let run = 0; run < 6; run++) {
      const scope = incident.datasets[run % incident.datasets.length];
      const n = Math.floor(8 + random() * 60 * (run + 1));
      const start = first + 120_000 + run * 210_000 + random() * 30_000;
      const stem = `${scope.dataset}-${run}`;
      for (let k = 0; k < n; k++) {
        add(start + k * (400 + random() * 200), 'access', 'read', `${actor} read 1 record of ${scope.dataset} through pnr-gateway`, {
          ...scope, records: 1, bytes: 1834, subjects: 1, tokens: [`p1.${hex(random)}`], in: stem,
        });
      }
      add(start + n * 620 + 9_000, 'access', 'search', `${actor} searched ${scope.dataset}: 40 rows`, { ...scope, records: 40, bytes: 9_120, subjects: 40 });
      add(start + n * 620 + 15_000, 'flow', 'flow', `${incident.sources[0]} sent ${12 + run * 9} MB to 203.0.113.9:443 (files.example.net)`, { actor: null, destination: '203.0.113.9', bytes: (12 + run * 9) * 1_000_000 });
    }
    add(first + 700_000, 'access', 'export', `${actor} was refused an export of 5,000 rows of ${incident.datasets[0].dataset}`, { ...incident.datasets[0], outcome: 'denied' });
    for (let n = 0; n < this.linesMin; n++) {
      add(first + random() * 1_400_000, 'access', 'read', `${actor} read 1 record of ${incident.datasets[0].dataset} from case ${n}`, { ...incident.datasets[0], records: 1, bytes: 1834, subjects: 1 });
    }
    for (const finding of this.findings.filter((f) => incident.findings.includes(f.id))) {
      add(Date.parse(finding.time), 'finding', finding.detector, finding.why, { severity: finding.severity, finding: finding.id, source: { monitor: 'tidewaiter' } });
    }
    add(Date.parse(incident.first_finding) + 1, 'severity', 'opened', `Incident opened at ${incident.severity}, score ${incident.score}`, { severity: incident.severity, actor: null, source: { monitor: 'tidewaiter' } });
    list.sort((a, b) => a.time.localeCompare(b.time));
    return list.map((entry, n) => ({ id: `${incident.id.slice(0, 8)}-${n}`, ...entry }));
  }

  fold(entries) {
    const lines = [];
    for (const entry of entries) {
      const last = lines.at(-1);
      if (entry.in && last?.fold === entry.in) {
        last.folded += 1;
        last.until = entry.time;
        for (const sum of ['records', 'bytes', 'subjects']) last[sum] += entry[sum];
        last.text = `${entry.actor} read ${last.records.toLocaleString('en')} records of ${entry.dataset} through pnr-gateway`;
      } else lines.push({ ...entry, folded: 1, until: entry.time, fold: entry.in });
    }
    return lines.map((line) => (line.folded === 1 ? { ...line, fold: null } : line));
  }

  /** A second goes by. */
  step() {
    if (this.empty) return {};
    this.#steps += 1;
    const wave = 1 + 0.35 * Math.sin(this.#steps / 40) + 0.12 * (Math.random() - 0.5);
    this.#rate = 1200 * wave;
    this.#counts.access += Math.round(this.#rate * 0.6);
    this.#counts.auth += Math.round(this.#rate * 0.03);
    this.#counts.network += Math.round(this.#rate * 0.37);
    const shares = { travel: 0.62, identity: 0.18, cargo: 0.12, enforcement: 0.04, financial: 0.03, biometric: 0.01 };
    for (const [category, share] of Object.entries(shares)) this.#reads[category] += Math.round(this.#rate * 0.6 * share);
    if (this.#steps % 11 === 0) return this.#open(Date.now() - 31_000);
    if (this.#steps % 3 !== 0) return {};
    const open = this.incidents.filter((i) => i.status === 'open');
    const incident = this.#pick(open.length > 0 ? open : this.incidents);
    incident.updated = iso(Date.now());
    incident.records += 12;
    return { incident };
  }

  stats() {
    const topic = (name) => {
      const n = this.#counts[name];
      const outcomes = { in: n, late: Math.floor(n / 9000), duplicate: Math.floor(n / 21000), dead_lettered: Math.floor(n / 310000) };
      const scored = n - outcomes.late - outcomes.duplicate - outcomes.dead_lettered;
      return { topic: name, ...outcomes, scored, lag: this.empty ? 0 : Math.floor(Math.random() * 90), watermark: this.empty ? null : iso(Date.now() - 900), silent_partitions: 0 };
    };
    const topics = ['access', 'auth', 'network'].map(topic);
    const sum = (field) => topics.reduce((all, t) => all + t[field], 0);
    const open = (severity) => this.incidents.filter((i) => i.status === 'open' && i.severity === severity).length;
    const toDo = (severity) => this.incidents.filter((i) => ['open', 'quiet'].includes(i.status) && i.severity === severity).length;
    const bySeverity = { critical: toDo('critical'), high: toDo('high'), medium: toDo('medium') };
    const by = (list, key) => list.reduce((all, item) => ({ ...all, [item[key]]: (all[item[key]] ?? 0) + 1 }), {});
    return {
      version: '0.1.0', time: iso(Date.now()), started: iso(this.#started), uptime_s: Math.floor((Date.now() - this.#started) / 1000),
      ready: true, unready: [], kafka: 'connected', demo: true, events_per_second: this.empty ? 0 : this.#rate,
      records: { in: sum('in'), scored: sum('scored'), late: sum('late'), duplicate: sum('duplicate'), dead_lettered: sum('dead_lettered') },
      topics,
      verdict_latency_ms: this.empty ? { p50: 0, p99: 0, max: 0, count: 0 } : { p50: 2.1 + Math.random(), p99: 14 + Math.random() * 9, max: 61.2, count: sum('scored') },
      incidents: { critical: open('critical'), high: open('high'), medium: open('medium'), signals: this.incidents.filter((i) => i.status === 'signal').length, to_do: bySeverity, unacknowledged: bySeverity },
      findings_by_detector: by(this.findings, 'detector'),
      findings_by_severity: Object.fromEntries(SEVERITY_WORDS.map((s) => [s, this.findings.filter((f) => f.severity === s).length])),
      reads_by_category: this.#reads,
      hour: this.empty ? null : {
        start: iso(Date.now() - (Date.now() % 3_600_000)), elapsed: (Date.now() % 3_600_000) / 3_600_000, basis: 'day', known: 3,
        categories: Object.entries(this.#reads).map(([category, reads]) => ({ category, reads, usual: reads * 1.3 })),
      },
      state: { actors: this.empty ? 0 : 4_212, sources: this.empty ? 0 : 9_004, bytes: this.empty ? 0 : 61_200_000, evicted: 0 },
      rules: { loaded: 34, error: null },
      budget: {
        per_1000_actors_day: 5, in_force_least: 5, in_force_most: 5, realised: this.empty ? null : 4.2, actor_days: this.empty ? 0 : 31_200,
        partitions_learned: this.empty ? 0 : 3, partitions_learning: 0,
        lanes: ['fused', 'burst', 'novelty'].map((lane, n) => ({ lane, threshold: 3.1 + n / 5, threshold_least: 3 + n / 5, threshold_most: 3.2 + n / 5, realised: 0.6 })),
      },
    };
  }
}
