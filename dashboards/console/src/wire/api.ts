/** Asks the API. Every failure becomes an `ApiError` with words for the person at the screen. */

import type {
  Act,
  Acted,
  ActList,
  Audit,
  Budget,
  BulkResult,
  Case,
  Clocks,
  Detector,
  Draft,
  Exception,
  ExceptionList,
  KeptException,
  Me,
  Proposals,
  Regime,
  Rule,
} from './cases';
import type { AskedSilence, KeptSilence, SilenceList, SilenceProposals } from './silences';
import type { Finding, Incident, IncidentDetail, Page, Past, Report, Stats, Timeline } from './types';

export class ApiError extends Error {
  constructor(
    /** The API's own code, or `unreachable` and `unreadable` where it gave none. */
    readonly code: string,
    message: string,
    /** HTTP status, 0 when no answer came. */
    readonly status: number,
    /** With `conflict` and `stale`: the case as it is now. */
    readonly current: Case | null = null,
  ) {
    super(message);
  }
}

/** Longer than any answer should take; shorter than a person waits. */
const TIMEOUT_MS = 20_000;
/** The past is read from whole topics, by the server for a minute at most; then it gives what it has. */
const PAST_TIMEOUT_MS = 75_000;

const get = <T>(path: string, signal?: AbortSignal, timeoutMs = TIMEOUT_MS) =>
  ask<T>(path, {}, signal, timeoutMs);

const post = <T>(path: string, body: object) =>
  ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const put = <T>(path: string, body: object) =>
  ask<T>(path, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function ask<T>(
  path: string,
  how: RequestInit,
  signal?: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, {
      ...how,
      headers: { accept: 'application/json', ...how.headers },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    const what = timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : 'no connection';
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
  const told = body as
    | { error?: { code?: unknown; message?: unknown }; current?: Case }
    | undefined;
  const error = told?.error;
  const code = typeof error?.code === 'string' ? error.code : 'internal';
  const message =
    typeof error?.message === 'string' ? error.message : `The server answered with HTTP ${status}.`;
  return new ApiError(code, message, status, told?.current ?? null);
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

const of = (id: string) => `/api/v1/incidents/${encodeURIComponent(id)}`;

/** What the input topics still hold about somebody or something, found unusual or not. */
export const past = (parameters: Parameters, signal?: AbortSignal) =>
  get<Past>(`/api/v1/past/timeline${query(parameters)}`, signal, PAST_TIMEOUT_MS);

export const me = (signal?: AbortSignal) => get<Me>('/api/v1/me', signal);

export const acts = (id: string, signal?: AbortSignal) => get<ActList>(`${of(id)}/acts`, signal);

/** `by` is left out where the proxy says who it is; with `revision`, older sight is refused. */
export const act = (id: string, by: string | undefined, act: Act, revision?: number) =>
  post<Acted>(`${of(id)}/acts`, { by, revision, act });

export const actOnAll = (incidents: string[], by: string | undefined, act: Act) =>
  post<{ results: BulkResult[] }>('/api/v1/acts', { by, incidents, act });

/** What anybody did, the last first. */
export const audit = (parameters: Parameters, signal?: AbortSignal) =>
  get<Audit>(`/api/v1/audit${query(parameters)}`, signal);

export const regimes = (signal?: AbortSignal) =>
  get<{ regimes: Regime[] }>('/api/v1/regimes', signal);

export const clocks = (id: string, signal?: AbortSignal) => get<Clocks>(`${of(id)}/clocks`, signal);

export const draftPath = (id: string, regime: string, format: 'md' | 'json' | 'html') =>
  `${of(id)}/notification${query({ regime, format })}`;

export const draft = (id: string, regime: string, signal?: AbortSignal) =>
  get<Draft>(draftPath(id, regime, 'json'), signal);

export const proposals = (id: string, signal?: AbortSignal) =>
  get<Proposals>(`${of(id)}/exception-proposal`, signal);

export const exceptions = (signal?: AbortSignal) =>
  get<ExceptionList>('/api/v1/exceptions', signal);

export const addException = (exception: Exception, incident: string, by: string | undefined) =>
  post<KeptException>('/api/v1/exceptions', { exception, incident, by });

export const revokeException = (id: string, reason: string, by: string | undefined) =>
  post<KeptException>(`/api/v1/exceptions/${encodeURIComponent(id)}/revoke`, { reason, by });

export const budget = (signal?: AbortSignal) => get<Budget>('/api/v1/budget', signal);

/** `null` gives way to the configuration's value again. */
export const setBudget = (budget: number | null, reason: string, by: string | undefined) =>
  put<Budget>('/api/v1/budget', { budget_per_1000_actors_day: budget, reason, by });

export const silences = (parameters: Parameters, signal?: AbortSignal) =>
  get<SilenceList>(`/api/v1/silences${query(parameters)}`, signal);

export const silenceProposals = (id: string, signal?: AbortSignal) =>
  get<SilenceProposals>(`${of(id)}/silence-proposal`, signal);

export const addSilence = (silence: AskedSilence, incident: string | null, by: string | undefined) =>
  post<KeptSilence>('/api/v1/silences', { silence, incident, by });

export const endSilence = (id: string, reason: string | null, by: string | undefined) =>
  post<KeptSilence>(`/api/v1/silences/${encodeURIComponent(id)}/end`, { reason, by });

/** Takes an early end back. */
export const resumeSilence = (id: string, by: string | undefined) =>
  post<KeptSilence>(`/api/v1/silences/${encodeURIComponent(id)}/resume`, { by });

export const detectors = (signal?: AbortSignal) =>
  get<{ detectors: Detector[] }>('/api/v1/detectors', signal);

export const rules = (signal?: AbortSignal) => get<{ rules: Rule[] }>('/api/v1/rules', signal);

/** `incidents`: ids with commas between. */
export const report = (incidents: string, signal?: AbortSignal) =>
  get<Report>(`/api/v1/report${query({ incidents })}`, signal);
