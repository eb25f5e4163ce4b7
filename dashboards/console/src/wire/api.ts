/** Asks the API. Every failure becomes an `ApiError` with words for the person at the screen. */

import type { Finding, Incident, IncidentDetail, Page, Stats, Timeline } from './types';

export class ApiError extends Error {
  constructor(
    /** The API's own code, or `unreachable` and `unreadable` where it gave none. */
    readonly code: string,
    message: string,
    /** HTTP status, 0 when no answer came. */
    readonly status: number,
  ) {
    super(message);
  }
}

/** Longer than any answer should take; shorter than a person waits. */
const TIMEOUT_MS = 20_000;

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      headers: { accept: 'application/json' },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    const what = timeout.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : 'no connection';
    throw new ApiError('unreachable', `Tidewaiter could not be reached: ${what}.`, 0);
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw refusal(response.status, body);
  if (body === undefined) {
    throw new ApiError('unreadable', 'The answer was not JSON.', response.status);
  }
  return body as T;
}

function refusal(status: number, body: unknown): ApiError {
  const error = (body as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  const code = typeof error?.code === 'string' ? error.code : 'internal';
  const message =
    typeof error?.message === 'string' ? error.message : `The server answered with HTTP ${status}.`;
  return new ApiError(code, message, status);
}

/** A query string of what is set; empty values are left out. */
export function query(parameters: Record<string, string | number | boolean | null | undefined>) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString().replaceAll('%2C', ',');
  return text === '' ? '' : `?${text}`;
}

export type Parameters = Record<string, string | number | boolean | null | undefined>;

export const stats = (signal?: AbortSignal) => get<Stats>('/api/v1/stats', signal);

export const incidents = (parameters: Parameters, signal?: AbortSignal) =>
  get<Page<Incident>>(`/api/v1/incidents${query(parameters)}`, signal);

export const incident = (id: string, signal?: AbortSignal) =>
  get<IncidentDetail>(`/api/v1/incidents/${encodeURIComponent(id)}`, signal);

export const findings = (parameters: Parameters, signal?: AbortSignal) =>
  get<Page<Finding>>(`/api/v1/findings${query(parameters)}`, signal);

export const timelinePath = (id: string, parameters: Parameters) =>
  `/api/v1/incidents/${encodeURIComponent(id)}/timeline${query(parameters)}`;

export const timeline = (id: string, parameters: Parameters, signal?: AbortSignal) =>
  get<Timeline>(timelinePath(id, { format: 'json', ...parameters }), signal);
