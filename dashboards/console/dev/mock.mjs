// For development only: speaks the HTTP API with made-up data, and serves the built console under
// the strict content security policy. Plain Node, no dependencies.
//
//   node dev/mock.mjs [port]
//
// MOCK_EMPTY=1: a Tidewaiter that has seen nothing yet. MOCK_LINES=10000: long timelines.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cases } from './cases.mjs';
import { World } from './world.mjs';

const port = Number(process.argv[2] ?? process.env.PORT ?? 8765);
const dist = fileURLToPath(new URL('../dist', import.meta.url));
const world = new World({ empty: process.env.MOCK_EMPTY === '1', linesMin: Number(process.env.MOCK_LINES ?? 0) });
const cases = new Cases();
const streams = new Set();
const withCase = (incident) => ({ ...incident, case: cases.of(incident.id) });

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const POLICY =
  "default-src 'self'; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

function json(response, value, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function refuse(response, status, code, message) {
  json(response, { error: { code, message } }, status);
}

function page(items, search, limit) {
  const size = Math.min(Number(search.get('limit') ?? limit), 1000);
  const start = Number(search.get('cursor') ?? 0);
  const next = start + size < items.length ? String(start + size) : null;
  return { items: items.slice(start, start + size), next, total: items.length };
}

const has = (text, part) => text.toLowerCase().includes(part.toLowerCase());

function listIncidents(search) {
  const words = (name, otherwise) => (search.get(name) ?? otherwise).split(',').filter(Boolean);
  const status = words('status', 'open,quiet');
  const severity = words('severity', '');
  const sort = search.get('sort') ?? '-updated';
  const by = sort.replace('-', '');
  const down = sort.startsWith('-') ? -1 : 1;
  return world.incidents
    .filter((i) => status.includes(i.status))
    .filter((i) => !search.get('state') || search.get('state').split(',').includes(cases.of(i.id).state))
    .filter((i) => !search.get('assignee') || (cases.of(i.id).assignee ?? '-') === search.get('assignee'))
    .filter((i) => severity.length === 0 || severity.includes(i.severity))
    .filter((i) => !search.get('actor') || i.actors.some((a) => has(a, search.get('actor'))))
    .filter((i) => !search.get('source') || i.sources.some((s) => has(s, search.get('source'))))
    .filter((i) => !search.get('dataset') || i.datasets.some((d) => d.dataset === search.get('dataset')))
    .filter((i) => !search.get('q') || has(`${i.id} ${i.title} ${i.why} ${i.actors}`, search.get('q')))
    .sort((a, b) => down * (a[by] ?? '').toString().localeCompare((b[by] ?? '').toString(), 'en', { numeric: true }));
}

function listFindings(search) {
  const severity = (search.get('severity') ?? '').split(',').filter(Boolean);
  const incident = world.incidents.find((i) => i.id === search.get('incident'));
  return world.findings
    .filter((f) => !search.get('incident') || incident?.findings.includes(f.id))
    .filter((f) => severity.length === 0 || severity.includes(f.severity))
    .filter((f) => !search.get('detector') || f.detector === search.get('detector'))
    .filter((f) => !search.get('actor') || has(f.actor ?? '', search.get('actor')))
    .filter((f) => !search.get('source') || has(f.source_ip ?? '', search.get('source')))
    .sort((a, b) => b.time.localeCompare(a.time));
}

function timeline(response, incident, search) {
  const format = search.get('format') ?? 'json';
  const kinds = (search.get('kinds') || 'access,auth,flow,finding,severity').split(',');
  const entries = world.entries(incident).filter((e) => kinds.includes(e.kind));
  const open = search.get('open');
  const single = open ? entries.filter((e) => e.in === open) : entries;
  const lines = (open || search.get('fold') === 'false' ? single.map(asLine) : world.fold(entries)).map(
    ({ in: _in, ...line }) => line,
  );
  const name = `incident-${incident.id.slice(0, 8)}`;
  const attach = (type, suffix, body) => {
    response.writeHead(200, {
      'content-type': type,
      'content-disposition': `attachment; filename="${name}.${suffix}"`,
    });
    response.end(body);
  };
  if (format === 'csv') {
    const rows = lines.map((l) => [l.time, l.kind, l.action, l.actor, l.records, `"${l.text}"`].join(','));
    return attach('text/csv', 'csv', ['time,kind,action,actor,records,text', ...rows].join('\n'));
  }
  if (format === 'markdown') {
    return attach('text/markdown', 'md', `# ${incident.title}\n\n${lines.map((l) => `- ${l.time} ${l.text}`).join('\n')}\n`);
  }
  if (format === 'timesketch') {
    const rows = lines.map((l) => ({ message: l.text, datetime: l.time, timestamp_desc: l.kind }));
    return attach('application/x-ndjson', 'jsonl', rows.map((r) => JSON.stringify(r)).join('\n'));
  }
  if (format !== 'json') {
    return refuse(response, 400, 'bad_request', `format \`${format}\`: allowed are json, csv, markdown, timesketch`);
  }
  const { items, next } = page(lines, search, 500);
  return json(response, { incident: incident.id, total: single.length, lines: items, next });
}

function asLine(entry) {
  return { ...entry, folded: 1, until: entry.time, fold: null };
}

async function act(request, response, id) {
  const body = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const told = (incident) => {
    const done = cases.do(incident, body.by, body.act);
    for (const send of streams) send('act', done);
    return done;
  };
  if (id) return json(response, told(id), 201);
  return json(response, { results: body.incidents.map((incident) => ({ incident, done: told(incident), error: null })) });
}

async function put(request, response) {
  return json(response, cases.setBudget(JSON.parse(Buffer.concat(await request.toArray()).toString())));
}

function api(request, response, url) {
  const { pathname: path, searchParams: search } = url;
  const about = decodeURIComponent(/^\/api\/v1\/incidents\/([^/]+)\//.exec(path)?.[1] ?? '');
  if (request.method === 'POST' && path.endsWith('/acts')) return act(request, response, about);
  if (request.method === 'PUT' && path === '/api/v1/budget') return put(request, response);
  const known = cases.get(path, about, world.stats().findings_by_detector);
  if (known) return json(response, known);
  const one = /^\/api\/v1\/incidents\/([^/]+)(\/timeline)?$/.exec(path);
  if (path === '/api/v1/stats') return json(response, world.stats());
  if (path === '/api/v1/stream') return stream(request, response);
  if (path === '/api/v1/incidents') return json(response, page(listIncidents(search).map(withCase), search, 50));
  if (path === '/api/v1/findings') return json(response, page(listFindings(search), search, 100));
  if (one) {
    const incident = world.incidents.find((i) => i.id === decodeURIComponent(one[1]));
    if (!incident) return refuse(response, 404, 'not_found', `no incident \`${one[1]}\``);
    if (one[2]) return timeline(response, incident, search);
    return json(response, { ...withCase(incident), stage: 'exfiltration', left_network: { verdict: 'likely', why: incident.why }, finding_details: world.findings.filter((f) => incident.findings.includes(f.id)) });
  }
  return refuse(response, 404, 'not_found', `no such path ${path}`);
}

function stream(request, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (event, data) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  send('stats', world.stats());
  streams.add(send);
  request.on('close', () => streams.delete(send));
}

setInterval(() => {
  const { incident, finding } = world.step();
  for (const send of streams) {
    send('stats', world.stats());
    if (finding) send('finding', finding);
    if (incident) send('incident', withCase(incident));
  }
}, 1000);

async function file(response, path) {
  const wanted = normalize(join(dist, path));
  const found = wanted.startsWith(dist) && extname(wanted) !== '' ? await readFile(wanted).catch(() => null) : null;
  const type = found ? TYPES[extname(wanted)] : TYPES['.html'];
  const body = found ?? (await readFile(join(dist, 'index.html')));
  response.writeHead(200, {
    'content-type': type ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://mock');
  if (url.pathname === '/healthz') response.end('ok');
  else if (url.pathname.startsWith('/api/')) api(request, response, url);
  else file(response, url.pathname).catch(() => refuse(response, 500, 'internal', 'run `npm run build` first'));
}).listen(port, '127.0.0.1', () => console.log(`mock Tidewaiter: http://127.0.0.1:${port}`));
