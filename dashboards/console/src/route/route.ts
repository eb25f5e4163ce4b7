/** Which page an address means. Every view is a link; the address is all a page knows of itself. */

/** What has a page of its own, with what every incident tells of it. */
export const ABOUT_KINDS = ['actor', 'source', 'dataset', 'session', 'subject'] as const;
export type AboutKind = (typeof ABOUT_KINDS)[number];

export type Route =
  | { page: 'watch' }
  | { page: 'incidents' }
  | { page: 'incident'; id: string }
  | { page: 'draft'; id: string; regime: string }
  | { page: 'findings' }
  | { page: 'rules' }
  | { page: 'report' }
  | { page: 'silences' }
  | { page: 'audit' }
  | { page: 'about'; kind: AboutKind; value: string }
  | { page: 'not-found'; path: string };

export function route(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second, third, fourth] = parts;
  if (parts.length === 0) return { page: 'watch' };
  if (parts.length === 1 && first === 'incidents') return { page: 'incidents' };
  if (parts.length === 1 && first === 'findings') return { page: 'findings' };
  if (parts.length === 1 && first === 'rules') return { page: 'rules' };
  if (parts.length === 1 && first === 'report') return { page: 'report' };
  if (parts.length === 1 && first === 'silences') return { page: 'silences' };
  if (parts.length === 1 && first === 'audit') return { page: 'audit' };
  const name = second === undefined ? null : decoded(second);
  if (name !== null && parts.length === 2) {
    if (first === 'incidents') return { page: 'incident', id: name };
    const kind = ABOUT_KINDS.find((known) => `${known}s` === first);
    if (kind) return { page: 'about', kind, value: unfolded(name) };
  }
  const regime = fourth === undefined ? null : decoded(fourth);
  if (name !== null && regime !== null && parts.length === 4) {
    if (first === 'incidents' && third === 'notification') return { page: 'draft', id: name, regime };
  }
  return { page: 'not-found', path };
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** Browsers fold `.` and `..` away, however they are encoded: such names stand behind a `~`. */
const FOLDED = /^~*\.{1,2}$/;

const unfolded = (part: string) => (part.startsWith('~') && FOLDED.test(part) ? part.slice(1) : part);

/** Addresses the server answers itself, which the console must let through. */
export function isServers(path: string): boolean {
  return /^\/(api|metrics|healthz|readyz)(\/|$)/.test(path);
}

export const incidentPath = (id: string) => `/incidents/${encodeURIComponent(id)}`;

export const aboutPath = (kind: AboutKind, value: string) =>
  `/${kind}s/${FOLDED.test(value) ? '~' : ''}${encodeURIComponent(value)}`;

export const actorPath = (actor: string) => aboutPath('actor', actor);

/** Incidents in one report: as many as the API takes. */
export const REPORT_MAX = 15;

export const reportPath = (ids: readonly string[]) =>
  `/report?incidents=${ids.map(encodeURIComponent).join(',')}`;

export const draftPath = (id: string, regime: string) =>
  `${incidentPath(id)}/notification/${encodeURIComponent(regime)}`;
