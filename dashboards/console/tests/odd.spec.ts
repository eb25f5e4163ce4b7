/** Names nobody made for a page, and incidents that went elsewhere. */

import type { APIRequestContext, Page } from '@playwright/test';
import { expect, incidentWithFold, test } from './guard';

type Told = Record<string, unknown>;

/** The incident as it is, but for what is changed here; its list holds it alone, and it stays so. */
async function changed(page: Page, request: APIRequestContext, id: string, change: Told): Promise<void> {
  const told = (await (await request.get(`/api/v1/incidents/${id}`)).json()) as Told;
  const incident = { ...told, ...change };
  await page.route(`**/api/v1/incidents/${id}`, (route) => route.fulfill({ json: incident }));
  const list = { items: [incident], next: null, total: 1 };
  await page.route('**/api/v1/incidents?*', (route) => route.fulfill({ json: list }));
  const stats = JSON.stringify(await (await request.get('/api/v1/stats')).json());
  const once = { contentType: 'text/event-stream', body: `event: stats\ndata: ${stats}\n\n` };
  await page.route('**/api/v1/stream*', (route) => route.fulfill(once));
}

const tooWide = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test('names that a browser folds away have a page of their own', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await changed(page, request, id, { actors: ['..', '.'] });
  for (const name of ['..', '.']) {
    await page.goto(`/incidents/${id}`);
    await page.getByRole('link', { name, exact: true }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(name);
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(name);
  }
});

test('a name turns nothing that stands beside it', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await changed(page, request, id, { actors: ['zo\u202ee'], title: 'Bulk read by zo\u202ee' });
  await page.goto(`/incidents/${id}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Bulk read by zo\\u{202e}e');
  const link = page.getByRole('link', { name: 'zo\\u{202e}e', exact: true });
  await expect(link).toHaveCSS('unicode-bidi', 'isolate');
  await link.click();
  await expect(page).toHaveURL(/\/actors\/zo%E2%80%AEe$/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('zo\\u{202e}e');
  await page.goto('/incidents');
  await expect(page.getByTestId('incidents')).toContainText('Bulk read by zo\\u{202e}e');
});

test('a name of 256 letters widens no page and stays in its column', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  const name = 'x'.repeat(256);
  await changed(page, request, id, { actors: [name], title: `Bulk read by ${name}` });
  await page.goto(`/incidents/${id}`);
  await expect(page.getByTestId('line').first()).toBeVisible();
  await expect.poll(() => tooWide(page)).toBeLessThanOrEqual(0);
  await page.goto(`/actors/${name}`);
  await expect(page.getByTestId('about-incidents')).toContainText(name);
  await expect.poll(() => tooWide(page)).toBeLessThanOrEqual(0);
  await page.goto('/');
  await expect(page.getByTestId('latest-incidents')).toContainText(name);
  await expect.poll(() => tooWide(page)).toBeLessThanOrEqual(0);
  await page.goto('/incidents');
  const title = page.getByTestId('incidents').getByRole('link', { name });
  await expect(title).toHaveAttribute('title', `Bulk read by ${name}`);
  const { wider, tall } = await title.evaluate((link) => {
    const cell = link.closest('td')!;
    return { wider: cell.scrollWidth - cell.clientWidth, tall: cell.clientHeight };
  });
  expect(wider).toBeLessThanOrEqual(0);
  expect(tall).toBeLessThan(120);
});

test('on an absorbed incident there is nothing to do but to go on', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await changed(page, request, id, { merged_into: 'the-survivor', status: 'merged' });
  await page.goto(`/incidents/${id}`);
  await expect(page.getByTestId('absorbed').getByRole('link')).toHaveAttribute('href', '/incidents/the-survivor');
  const stands = page.getByTestId('case');
  await expect(stands).toContainText('Nothing more is done here');
  await expect(stands.getByRole('button')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'We are aware …' })).toHaveCount(0);
  await page.keyboard.press('a');
  await page.keyboard.press('m');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('whoever looks at an incident while it is absorbed is told where it went', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  const told = (await (await request.get(`/api/v1/incidents/${id}`)).json()) as Told;
  const absorbed = JSON.stringify({ ...told, merged_into: 'the-survivor', status: 'merged' });
  let absorb = () => {};
  const now = new Promise<void>((resolve) => (absorb = resolve));
  await page.route('**/api/v1/stream*', async (route) => {
    await now;
    await route.fulfill({ contentType: 'text/event-stream', body: `event: incident\ndata: ${absorbed}\n\n` });
  });
  await page.goto(`/incidents/${id}`);
  await page.getByLabel('Comment', { exact: true }).fill('half a thought');
  absorb();
  await expect(page.getByTestId('absorbed')).toContainText('Just now this incident was absorbed by the-survivor');
  await expect(page.getByLabel('Comment', { exact: true })).toHaveValue('half a thought');
  await expect(page.getByRole('button', { name: 'Comment', exact: true })).toBeDisabled();
  await expect(page.getByTestId('case').getByRole('button')).toHaveCount(1);
});

test('printed, the drawn timeline is as wide as the page', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await page.goto(`/incidents/${id}`);
  await expect(page.getByTestId('strip')).toBeVisible();
  await expect(page.getByTestId('line').first()).toBeVisible();
  await page.emulateMedia({ media: 'print' });
  // Paper is narrower than the window was, and nothing is drawn anew for it.
  await expect(page.getByTestId('strip')).toHaveCSS('max-width', '100%');
});
