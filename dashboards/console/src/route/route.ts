/** Which page an address means. Every view is a link; the address is all a page knows of itself. */

export type Route =
  | { page: 'watch' }
  | { page: 'incidents' }
  | { page: 'incident'; id: string }
  | { page: 'findings' }
  | { page: 'not-found'; path: string };

export function route(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (parts.length === 0) return { page: 'watch' };
  if (parts.length === 1 && first === 'incidents') return { page: 'incidents' };
  if (parts.length === 1 && first === 'findings') return { page: 'findings' };
  if (parts.length === 2 && first === 'incidents' && second !== undefined) {
    const id = decoded(second);
    if (id !== null) return { page: 'incident', id };
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

/** Addresses the server answers itself, which the console must let through. */
export function isServers(path: string): boolean {
  return /^\/(api|metrics|healthz|readyz)(\/|$)/.test(path);
}

export const incidentPath = (id: string) => `/incidents/${encodeURIComponent(id)}`;
