/** Named links to lists of incidents. What is saved is read as anything may stand there. */

export interface View {
  name: string;
  /** As it stands in the address, with `?`; empty for the whole list. */
  query: string;
}

const VIEWS_MAX = 30;
export const NAME_MAX = 40;
const QUERY_MAX = 2_000;

export function parsed(text: string | null): View[] {
  let found: unknown;
  try {
    found = JSON.parse(text ?? '[]');
  } catch {
    return [];
  }
  if (!Array.isArray(found)) return [];
  const sound = (view: Partial<View> | null): view is View =>
    typeof view?.name === 'string' &&
    view.name.length <= NAME_MAX &&
    typeof view.query === 'string' &&
    view.query.length <= QUERY_MAX &&
    (view.query === '' || view.query.startsWith('?'));
  return (found as (Partial<View> | null)[]).filter(sound).slice(0, VIEWS_MAX);
}

/** A name is there once: saved again, it means the new query. */
export function saved(views: readonly View[], view: View): View[] {
  const rest = views.filter((other) => other.name !== view.name);
  return [...rest, view].slice(-VIEWS_MAX);
}

/** What nobody has resolved. */
export const TO_DO = 'state=new,acknowledged,investigating,contained';

/** Those that are there before anybody saves one. */
export function standing(name: string | null): View[] {
  const mine = name === null ? [] : [{ name: 'Mine', query: `?${TO_DO}&assignee=${plain(name)}` }];
  return [
    { name: 'All', query: '' },
    { name: 'To do', query: `?${TO_DO}` },
    ...mine,
    { name: 'Nobody’s', query: `?${TO_DO}&assignee=-` },
    { name: 'Closed', query: '?state=resolved' },
  ];
}

function plain(name: string): string {
  return new URLSearchParams({ name }).toString().slice('name='.length);
}
