/** Where the person is. Ordinary links work as ever; the console only saves the page load. */

import { isServers, route } from './route';

/** What stands beside an address in the browser's history. */
interface Kept {
  /** The address somebody came from. */
  from?: string | null;
  /** Where they were in this page when they left it, as the page itself put it. */
  place?: unknown;
}

class Navigation {
  path = $state(location.pathname);
  search = $state.raw(new URLSearchParams(location.search));
  hash = $state(location.hash);
  route = $derived(route(this.path));
  from = $state<string | null>(null);
  /** Asked when the page is left, so that whoever comes back finds their place again. */
  leaving: (() => unknown) | null = null;

  /** Where somebody was when they left this page; told once. */
  takePlace(): unknown {
    const place = (history.state as Kept | null)?.place ?? null;
    if (place !== null) this.#keep({ place: null });
    return place;
  }

  start(): () => void {
    this.#read();
    const onPop = () => this.#read();
    const onClick = (event: MouseEvent) => this.#follow(event);
    addEventListener('popstate', onPop);
    document.addEventListener('click', onClick);
    return () => {
      removeEventListener('popstate', onPop);
      document.removeEventListener('click', onClick);
    };
  }

  /** A new page in the history. */
  go(address: string): void {
    const before = this.path;
    const from = location.pathname + location.search;
    this.#keep({ place: this.leaving?.() });
    history.pushState({ from } satisfies Kept, '', address);
    this.#read();
    if (this.path !== before) {
      scrollTo(0, 0);
      document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
    }
  }

  /** The same page, looked at differently: filters do not fill the history key by key. */
  refine(query: string): void {
    history.replaceState({ from: this.from } satisfies Kept, '', `${location.pathname}${query}`);
    this.#read();
  }

  #keep(more: Kept): void {
    history.replaceState({ ...(history.state as Kept | null), ...more }, '');
  }

  #read(): void {
    this.path = location.pathname;
    this.search = new URLSearchParams(location.search);
    this.hash = location.hash;
    this.from = (history.state as Kept | null)?.from ?? null;
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest('a');
    if (!link || link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || isServers(url.pathname)) return;
    if (url.pathname === location.pathname && url.search === location.search && url.hash !== '') {
      return; // The browser scrolls to it.
    }
    event.preventDefault();
    if (link.hasAttribute('data-back') && this.from === url.pathname + url.search) {
      history.back();
      return;
    }
    this.go(url.pathname + url.search + url.hash);
  }
}

export const navigation = new Navigation();
