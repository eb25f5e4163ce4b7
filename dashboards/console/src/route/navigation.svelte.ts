/** Where the person is. Ordinary links work as ever; the console only saves the page load. */

import { isServers, route } from './route';

class Navigation {
  path = $state(location.pathname);
  search = $state.raw(new URLSearchParams(location.search));
  hash = $state(location.hash);
  route = $derived(route(this.path));

  start(): () => void {
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
    history.pushState(null, '', address);
    this.#read();
    if (this.path !== before) {
      scrollTo(0, 0);
      document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
    }
  }

  /** The same page, looked at differently: filters do not fill the history key by key. */
  refine(query: string): void {
    history.replaceState(null, '', `${location.pathname}${query}`);
    this.#read();
  }

  #read(): void {
    this.path = location.pathname;
    this.search = new URLSearchParams(location.search);
    this.hash = location.hash;
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
    this.go(url.pathname + url.search + url.hash);
  }
}

export const navigation = new Navigation();
