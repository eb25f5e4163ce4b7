/** Silences as the server has them, kept up by what people do. */

import { live } from '../live/live.svelte';
import * as api from '../wire/api';
import type { SilenceList } from '../wire/silences';

export class Silences {
  list = $state.raw<SilenceList | null>(null);
  failed = $state<string | null>(null);
  #state: string;
  #running = new AbortController();

  /** `state`: those asked for, with commas between; empty for all. */
  constructor(state = '') {
    this.#state = state;
  }

  /** Until the page is left. */
  start(): () => void {
    void this.load();
    const stops = [
      live.onAct(({ act }) => {
        if (act.act.kind.endsWith('silence') || act.act.kind === 'held_back') void this.load();
      }),
      live.onConnect(() => void this.load()),
    ];
    return () => {
      this.#running.abort();
      for (const stop of stops) stop();
    };
  }

  load = async (): Promise<void> => {
    const { signal } = this.#running;
    try {
      this.list = await api.silences({ state: this.#state }, signal);
      this.failed = null;
    } catch (error) {
      if (!signal.aborted) this.failed = error instanceof Error ? error.message : String(error);
    }
  };
}
