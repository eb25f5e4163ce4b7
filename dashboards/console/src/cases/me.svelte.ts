/** Who acts: whom the proxy names, or else the name the person gave once. Nobody checks that one. */

import { form } from '../parts/form.svelte';
import * as api from '../wire/api';

const KEY = 'tidewaiter.name';
const NAME_MAX = 100;

class Who {
  name = $state<string | null>(remembered());
  /** The proxy says who it is: no name is sent, and none can be chosen. */
  byProxy = $state(false);

  async start(): Promise<void> {
    const told = await api.me().catch(() => null);
    if (!told?.by_proxy) return;
    this.byProxy = true;
    this.name = told.user;
  }

  /** Asks where no name is known. `null` when none is given; `undefined` is for the proxy to say. */
  async by(): Promise<string | undefined | null> {
    if (this.byProxy) return undefined;
    return this.name ?? (await this.choose());
  }

  async choose(): Promise<string | null> {
    const answers = await form.ask({
      title: 'Who are you?',
      text: 'Everything done to an incident is recorded with a name. There is no login here; this browser remembers what you say.',
      fields: [{ name: 'name', label: 'Your name', kind: 'text', value: this.name ?? '', required: true, max: NAME_MAX }],
      submit: 'That is me',
    });
    if (!answers?.name) return null;
    this.name = answers.name;
    try {
      localStorage.setItem(KEY, this.name);
    } catch {
      // Storage is refused: it holds until the page is left.
    }
    return this.name;
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY)?.slice(0, NAME_MAX) || null;
  } catch {
    return null;
  }
}

export const me = new Who();
