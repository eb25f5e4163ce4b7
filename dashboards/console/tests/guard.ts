/** A `test` that also fails on console errors, uncaught errors and requests to other hosts. */

import { test as base, expect, type APIRequestContext, type Page } from '@playwright/test';

export const test = base.extend<{ allowed: RegExp[]; guard: void }>({
  /** Console errors a test provokes on purpose. */
  allowed: async ({}, use) => {
    await use([]);
  },
  guard: [
    async ({ page, baseURL, allowed }, use) => {
      const problems = watched(page, new URL(baseURL ?? '').host);
      await use();
      const left = problems.filter((problem) => !allowed.some((pattern) => pattern.test(problem)));
      expect(left, 'errors and foreign requests of this page').toEqual([]);
    },
    { auto: true },
  ],
});

/** What goes wrong on a page from now on. */
export function watched(page: Page, own: string): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'blob:' && url.host !== own) problems.push(`foreign: ${request.url()}`);
  });
  return problems;
}

export { expect };

interface Found {
  id: string;
  title: string;
  actors: string[];
  severity: string;
}

/** What was found before: looking into timelines again for each test would cost more than some tests do. */
let known: string | undefined;

/** An incident whose timeline has a fold to open. Waits for one: a fresh server has none yet. */
export async function incidentWithFold(request: APIRequestContext): Promise<Found> {
  if (known) {
    // As it stands now, if nothing absorbed it meanwhile.
    const list = await request.get(`/api/v1/incidents?q=${known}&limit=1`);
    const [still] = ((await list.json()) as { items: Found[] }).items;
    if (still?.id === known) return still;
  }
  let found: Found | undefined;
  await expect(async () => {
    const list = await request.get('/api/v1/incidents?sort=-score&limit=20');
    expect(list.ok()).toBe(true);
    for (const incident of (await list.json()).items as Found[]) {
      const timeline = await request.get(`/api/v1/incidents/${incident.id}/timeline?limit=200`);
      const { lines } = (await timeline.json()) as { lines: { folded: number; fold: unknown }[] };
      if (lines.some((line) => line.folded > 1 && line.fold !== null)) {
        found = incident;
        known = incident.id;
        return;
      }
    }
    throw new Error('no incident has a folded line yet');
  }).toPass({ timeout: 90_000 });
  if (!found) throw new Error('no incident has a folded line');
  return found;
}
