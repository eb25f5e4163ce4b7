/** A list that comes page by page. A new question aborts the old one; late answers are dropped. */

import type { Page } from '../wire/types';

type Ask<T> = (cursor: string | null, signal: AbortSignal) => Promise<Page<T>>;

export class Pages<T extends { id: string }> {
  items = $state.raw<T[]>([]);
  total = $state(0);
  next = $state<string | null>(null);
  loading = $state(true);
  failed = $state<string | null>(null);
  #ask: Ask<T> | null = null;
  #running: AbortController | null = null;

  /** `keep` leaves the old rows on the screen until the new ones are there. */
  async load(ask: Ask<T>, keep = true): Promise<void> {
    this.#ask = ask;
    if (!keep) this.items = [];
    await this.#fetch(null);
  }

  async more(): Promise<void> {
    if (this.next !== null && !this.loading) await this.#fetch(this.next);
  }

  async retry(): Promise<void> {
    await this.#fetch(null);
  }

  /** Puts a changed item in its row's place. False when it is in no row. */
  replace(item: T): boolean {
    const at = this.items.findIndex((row) => row.id === item.id);
    if (at < 0) return false;
    this.items = this.items.with(at, item);
    return true;
  }

  stop(): void {
    this.#running?.abort();
  }

  async #fetch(cursor: string | null): Promise<void> {
    if (!this.#ask) return;
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.loading = true;
    this.failed = null;
    try {
      const page = await this.#ask(cursor, running.signal);
      if (running.signal.aborted) return;
      this.items = cursor === null ? page.items : joined(this.items, page.items);
      this.next = page.next;
      this.total = page.total;
    } catch (error) {
      if (running.signal.aborted) return;
      this.failed = error instanceof Error ? error.message : String(error);
    }
    this.loading = false;
  }
}

/** Rows that moved between two pages are kept once. */
function joined<T extends { id: string }>(rows: T[], more: T[]): T[] {
  const known = new Set(rows.map((row) => row.id));
  return [...rows, ...more.filter((row) => !known.has(row.id))];
}
