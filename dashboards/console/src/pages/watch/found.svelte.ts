import { live } from '../../live/live.svelte';
import * as api from '../../wire/api';
import type { Finding } from '../../wire/types';

/** Findings asked for on each connection, for a panel that the stream then keeps up. */
export class Found {
  items = $state.raw<Finding[]>([]);
  failed = $state<string | null>(null);

  constructor(query: Parameters<typeof api.findings>[0]) {
    $effect(() => {
      const running = new AbortController();
      const load = async () => {
        try {
          this.items = (await api.findings(query, running.signal)).items;
          this.failed = null;
        } catch (error) {
          if (!running.signal.aborted) this.failed = error instanceof Error ? error.message : String(error);
        }
      };
      void load();
      const stop = live.onConnect(() => void load());
      return () => {
        stop();
        running.abort();
      };
    });
  }
}
