/** An incident's timeline as it comes: what the screen shows at first, then all the rest. */

import { Pages } from '../../parts/pages.svelte';
import * as api from '../../wire/api';
import type { Line } from '../../wire/types';

/** What the screen shows at first, asked for by itself: the rest is there a moment later. */
const FIRST = 200;
/** Lines fetched by themselves, so that the strip shows the whole of any usual story. */
export const LINES_MAX = 10_000;

export class Story {
  readonly pages = new Pages<Line>();
  entries = $state(0);
  /** True once lines were there to be drawn, or none came: what is less urgent asks its own then. */
  opened = $state(false);
  #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  /** Asks anew for the lines of these kinds. */
  async load(kinds: string): Promise<void> {
    await this.pages.load(async (cursor, signal) => {
      const limit = cursor === null ? FIRST : LINES_MAX;
      const answer = await api.timeline(this.#id, { kinds, limit, cursor }, signal);
      this.entries = answer.total;
      return { items: answer.lines, next: answer.next, total: answer.lines.length };
    });
    this.opened = true;
  }
}
