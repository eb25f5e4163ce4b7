/**
 * Single keys for people who look at lists all day. They can be switched off (WCAG 2.1.4), and
 * never fire while somebody types.
 */

const KEY = 'tidewaiter.keys';

class Keyboard {
  on = $state(remembered());
  help = $state(false);
  #handlers = new Map<string, () => void>();

  start(): () => void {
    const onKey = (event: KeyboardEvent) => this.#press(event);
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }

  /** Binds keys while a page is shown; give the result to `$effect`. */
  bind(keys: Record<string, () => void>): () => void {
    for (const [key, handler] of Object.entries(keys)) this.#handlers.set(key, handler);
    return () => {
      for (const [key, handler] of Object.entries(keys)) {
        if (this.#handlers.get(key) === handler) this.#handlers.delete(key);
      }
    };
  }

  switch(on: boolean): void {
    this.on = on;
    try {
      localStorage.setItem(KEY, on ? 'on' : 'off');
    } catch {
      // Storage is refused: holds until the page is left.
    }
  }

  #press(event: KeyboardEvent): void {
    if (!this.on || event.defaultPrevented || event.repeat && event.key !== 'j' && event.key !== 'k') return;
    if (event.ctrlKey || event.metaKey || event.altKey || this.help) return;
    const target = event.target as HTMLElement | null;
    if (target?.closest('input:not([type="checkbox"]), select, textarea, dialog')) return;
    const handler = this.#handlers.get(event.key);
    if (!handler) return;
    event.preventDefault();
    handler();
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

export const keyboard = new Keyboard();

/** Moves the focus to the next (`1`) or previous (`-1`) of the links marked `data-row`. */
export function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('a[data-row]')];
  if (rows.length === 0) return;
  const focused = document.activeElement?.closest('tr')?.querySelector<HTMLElement>('a[data-row]');
  const at = focused ? rows.indexOf(focused) : -1;
  const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step));
  rows[next]?.focus();
  rows[next]?.scrollIntoView({ block: 'nearest' });
}
