/**
 * How far the live stream can be trusted, as a value: what happened goes in with the time, what to
 * tell the person comes out. Knows no clock and no network.
 */

/** The server speaks every second; five seconds of silence is no hiccup. */
export const STALE_AFTER_MS = 5_000;
/** Silence after which the connection, or the attempt at one, is given up for dead and made anew. */
export const DEAD_AFTER_MS = 20_000;
export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_MAX_MS = 30_000;

export interface Link {
  readonly open: boolean;
  readonly openedMs: number;
  /** When the server last said something; `null` before the first time. */
  readonly heardMs: number | null;
  /** Failures in a row. */
  readonly failures: number;
  readonly retryAtMs: number | null;
  /** When we began to try. */
  readonly startedMs: number;
  /** When the present attempt began. */
  readonly triedMs: number;
}

export type Trust =
  | { word: 'connecting'; forMs: number }
  | { word: 'live' }
  | { word: 'stale'; forMs: number }
  | { word: 'disconnected'; forMs: number; retryInMs: number };

export function begin(nowMs: number): Link {
  return {
    open: false,
    openedMs: nowMs,
    heardMs: null,
    failures: 0,
    retryAtMs: null,
    startedMs: nowMs,
    triedMs: nowMs,
  };
}

export function trying(link: Link, nowMs: number): Link {
  return { ...link, open: false, retryAtMs: null, triedMs: nowMs };
}

export function opened(link: Link, nowMs: number): Link {
  return { ...link, open: true, openedMs: nowMs, retryAtMs: null };
}

/** Only what is heard proves the link: a proxy may open it and pass nothing on. */
export function heard(link: Link, nowMs: number): Link {
  return { ...link, open: true, heardMs: nowMs, failures: 0, retryAtMs: null };
}

/** `jitter` in 0..1 spreads the consoles of one restarted server over time. */
export function failed(link: Link, nowMs: number, jitter: number): Link {
  const doubled = BACKOFF_FIRST_MS * 2 ** Math.min(link.failures, 16);
  const wait = Math.min(doubled, BACKOFF_MAX_MS) * (0.75 + 0.25 * jitter);
  return { ...link, open: false, failures: link.failures + 1, retryAtMs: nowMs + wait };
}

export function trust(link: Link, nowMs: number): Trust {
  const forMs = Math.max(0, nowMs - (link.heardMs ?? link.startedMs));
  if (!link.open) {
    if (link.failures === 0) return { word: 'connecting', forMs };
    const retryInMs = Math.max(0, (link.retryAtMs ?? nowMs) - nowMs);
    return { word: 'disconnected', forMs, retryInMs };
  }
  if (link.heardMs === null && forMs < STALE_AFTER_MS) return { word: 'connecting', forMs };
  return forMs < STALE_AFTER_MS ? { word: 'live' } : { word: 'stale', forMs };
}

/** Whether somebody who waits for the first word has to be told that none came. */
export function isLate(told: Trust): boolean {
  return told.word === 'connecting' && told.forMs >= STALE_AFTER_MS;
}

export function isDead(link: Link, nowMs: number): boolean {
  if (link.open) return nowMs - Math.max(link.heardMs ?? 0, link.openedMs) >= DEAD_AFTER_MS;
  return link.retryAtMs === null && nowMs - link.triedMs >= DEAD_AFTER_MS;
}
