/** Light or dark: the system's choice until the person makes one. */

const KEY = 'tidewaiter.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

export type Theme = 'system' | 'light' | 'dark';

class ThemeState {
  chosen = $state<Theme>(remembered());
  #systemDark = $state(system.matches);
  dark = $derived(this.chosen === 'dark' || (this.chosen === 'system' && this.#systemDark));

  constructor() {
    system.addEventListener('change', () => {
      this.#systemDark = system.matches;
      this.#apply();
    });
    this.#apply();
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    try {
      if (theme === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // Storage is refused: the choice holds until the page is left.
    }
    this.#apply();
  }

  #apply(): void {
    document.documentElement.dataset.theme = this.dark ? 'dark' : 'light';
  }
}

function remembered(): Theme {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}

export const theme = new ThemeState();

/** A colour of the style sheet, for what is drawn on a canvas. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
