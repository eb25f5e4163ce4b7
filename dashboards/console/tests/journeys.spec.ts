import type { Page } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { expect, incidentWithFold, test } from './guard';

/** A headless browser's windows are always seen. */
const seen = (page: Page, state: 'hidden' | 'visible') =>
  page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);

test('the watch page shows live counters', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByTestId('link')).toContainText('Live');
  for (const tile of ['to-do-critical', 'to-do-high', 'to-do-medium', 'open-signals']) {
    await expect(page.getByTestId(tile)).toContainText(/\d/);
  }
  await expect(page.getByTestId('events-per-second')).toHaveText(/\d/);
  await expect(page.getByTestId('ledger')).toContainText('dead-lettered');
  await expect(page.getByTestId('ledger-verdict')).toHaveText(/Balanced|Off by/);
  await expect(page.getByRole('img', { name: /Events a second/ }).locator('canvas')).toBeVisible();
  await expect(page.getByTestId('topics').getByRole('row')).not.toHaveCount(1);
});

test('the watch page counts what nobody has closed, going on or quiet, and says what nobody has taken up', async ({ page, request }) => {
  const { severity } = await incidentWithFold(request);
  const listed = async (state: string, status = 'open,quiet') => {
    const answer = await request.get(`/api/v1/incidents?severity=${severity}&status=${status}&state=${state}&limit=1`);
    return ((await answer.json()) as { total: number }).total;
  };
  await page.goto('/');
  const tile = page.getByTestId(`to-do-${severity}`);
  // More may come at any moment: what is shown has to meet what is listed at some.
  await expect(async () => {
    const [all, fresh, on] = [await listed('new,acknowledged,investigating,contained'), await listed('new'), await listed('', 'open')];
    expect(all).toBeGreaterThan(0);
    await expect(tile.locator('.number')).toHaveText(String(all), { timeout: 2_000 });
    await expect(tile).toContainText(fresh > 0 ? `${fresh} not acknowledged` : 'to do', { timeout: 100 });
    await expect(tile).toContainText(`${on} going on`, { timeout: 100 });
  }).toPass({ timeout: 60_000 });
  await tile.click();
  await expect(page).toHaveURL(/state=new,acknowledged,investigating,contained/);
  await expect(page.getByTestId('incidents').getByRole('row')).not.toHaveCount(1);
});

test('the watch page shows what is read against the usual, who is above it, and what fell silent', async ({ page, request }) => {
  await incidentWithFold(request);
  await page.goto('/');
  const reads = page.getByTestId('reads').getByRole('listitem');
  await expect(reads.first()).toContainText(/\d/);
  await expect(page.getByText(/Usual by now|What is usual is not known before/)).toBeVisible();
  const mover = page.getByTestId('movers').getByRole('listitem').first();
  await expect(mover).toContainText(/\d.*×/);
  await expect(page.getByTestId('silent')).toContainText(/None now|silent now/);
  await mover.getByRole('link').click();
  await expect(page).toHaveURL(/\/(actors|sources|datasets|subjects)\//);
});

test('the counters move without a reload', async ({ page }) => {
  await page.goto('/');
  const main = page.locator('main');
  await expect(main).toHaveAttribute('data-as-of', /Z$/);
  const first = (await main.getAttribute('data-as-of')) ?? '';
  await expect.poll(async () => ((await main.getAttribute('data-as-of')) ?? '') > first).toBe(true);
  await expect(main).toHaveAttribute('data-fresh', 'true');
});

test('from the list to an incident, its timeline, a fold and an export', async ({ page, request }) => {
  const { id, title } = await incidentWithFold(request);
  await page.goto('/incidents?sort=-score');
  await page.getByTestId('incidents').locator(`a[href="/incidents/${id}"]`).click();

  await expect(page).toHaveURL(new RegExp(`/incidents/${id}$`));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
  await expect(page.getByTestId('scope-people')).toHaveText(/\d/);
  await expect(page.getByTestId('left-network')).toHaveText(/^(Likely|Possible|No sign) \S+/);
  await expect(page.getByTestId('stage')).toHaveText(/Reconnaissance|Collection|Staging|Exfiltration/);
  await expect(page.getByTestId('incident-findings').getByRole('row')).not.toHaveCount(1);
  await expect(page.getByTestId('strip')).toBeVisible();
  await expect(page.getByTestId('line').first()).toBeVisible();
  // Each entry says where it can be looked up again: topic, partition and offset.
  await expect(page.getByTestId('line').filter({ hasText: /\S+\/\d+@\d+/ }).first()).toBeVisible();

  const fold = page.getByTestId('fold').first();
  await fold.click();
  await expect(fold).toHaveAttribute('aria-expanded', 'true');
  await expect(page.getByTestId('inside').nth(1)).toBeVisible();
  await fold.click();
  await expect(page.getByTestId('inside')).toHaveCount(0);

  const downloading = page.waitForEvent('download');
  await page.getByTestId('export-json').click();
  const exported = JSON.parse(await readFile(await (await downloading).path(), 'utf8'));
  expect(exported.incident).toBe(id);
  expect(exported.lines.length).toBeGreaterThan(0);
  for (const format of ['csv', 'markdown', 'timesketch', 'stix', 'ocsf', 'html']) {
    const href = await page.getByTestId(`export-${format}`).getAttribute('href');
    const answer = await request.get(href ?? '');
    expect(answer.status(), format).toBe(200);
    expect((await answer.text()).length, format).toBeGreaterThan(20);
  }
});

test('the timeline is filtered by kind and by span, and both are in the link', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await page.goto(`/incidents/${id}`);
  await expect(page.getByTestId('line').first()).toBeVisible();
  // Lines come a piece at a time, so kinds are looked at and not how many there are.
  const reads = page.locator('tbody.access').filter({ has: page.getByTestId('line') });
  await expect(reads.first()).toBeAttached();
  await page.getByRole('group', { name: 'Show' }).getByRole('button', { name: 'Access' }).click();
  await expect(page).toHaveURL(/kinds=auth,flow,finding,severity,act/);
  await expect(reads).toHaveCount(0);
  await expect(page.getByTestId('line').first()).toBeVisible();

  await page.goto(`/incidents/${id}`);
  await expect(page.getByTestId('line').first()).toBeVisible();
  await page.getByTestId('overview').scrollIntoViewIfNeeded();
  const box = await page.getByTestId('strip').boundingBox();
  if (!box) throw new Error('the strip is not drawn');
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=.+&to=.+/);
  const link = page.url();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Whole incident', exact: true })).toBeEnabled();
  expect(page.url()).toBe(link);
  await page.getByRole('button', { name: 'Whole incident', exact: true }).click();
  await expect(page).not.toHaveURL(/from=/);
});

test('the list is worked by keyboard, and its filters are a link', async ({ page, request }) => {
  const { actors } = await incidentWithFold(request);
  await page.goto('/incidents');
  await expect(page.locator('a[data-row]').first()).toBeVisible();
  await page.keyboard.press('j');
  await expect(page.locator('a[data-row]').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/incidents\/./);
  await page.goBack();
  await expect(page.locator('a[data-row]').first()).toBeVisible();

  await page.keyboard.press('/');
  await expect(page.getByLabel('Search', { exact: true })).toBeFocused();
  await page.keyboard.type(actors[0] ?? 'nobody-at-all');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/q=/);
  await page.getByRole('button', { name: 'Signal' }).click();
  await expect(page).toHaveURL(/status=open,quiet,signal/);
  await page.reload();
  await expect(page.getByLabel('Search', { exact: true })).toHaveValue(actors[0] ?? 'nobody-at-all');
  await expect(page.getByRole('button', { name: 'Signal' })).toHaveAttribute('aria-pressed', 'true');

  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('findings are listed and filtered', async ({ page, request }) => {
  await incidentWithFold(request);
  await page.goto('/findings');
  await expect(page.getByTestId('findings').getByRole('row').nth(1)).toBeVisible();
  await page.getByRole('searchbox', { name: 'Actor' }).fill('nobody-with-this-name');
  await expect(page.getByText('No finding fits these filters')).toBeVisible();
  await expect(page).toHaveURL(/actor=nobody-with-this-name/);
});

test('the chosen theme is remembered', async ({ page }) => {
  await page.goto('/');
  await page.getByLabel('Theme').selectOption('dark');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.getByLabel('Theme').selectOption('light');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
});

test('an address that means nothing says so', async ({ page }) => {
  await page.goto('/no/such/page');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no page here');
});

test.describe('when something is missing', () => {
  test.use({ allowed: [/Failed to load resource/] });

  test('an incident that does not exist says so', async ({ page }) => {
    await page.goto('/incidents/00000000000000000000000000000000');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no such incident');
  });

  test('a broken list says so and can be tried again', async ({ page }) => {
    await page.route('**/api/v1/incidents?*', (route) =>
      route.fulfill({ status: 500, json: { error: { code: 'internal', message: 'the store is locked' } } }),
    );
    await page.goto('/incidents');
    await expect(page.getByRole('alert')).toContainText('the store is locked');
    await page.unroute('**/api/v1/incidents?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.getByRole('alert')).toHaveCount(0);
  });

  test('a lost stream is told at once, and comes back', async ({ page }) => {
    await page.route('**/api/v1/stream', (route) => route.abort());
    await page.goto('/');
    await expect(page.getByTestId('link')).toContainText('Disconnected');
    await expect(page.getByRole('complementary', { name: 'Connection' })).toContainText(/Disconnected for/);
    await expect(page.locator('main')).toHaveAttribute('data-fresh', 'false');
    await page.unroute('**/api/v1/stream');
    await page.getByRole('button', { name: 'Try now' }).first().click();
    await expect(page.getByTestId('link')).toContainText('Live');
    await expect(page.locator('main')).toHaveAttribute('data-fresh', 'true');
  });
});

test('a stream that nobody answers is told of within seconds', async ({ page }) => {
  await page.route('**/api/v1/stream', () => {});
  await page.goto('/incidents');
  await expect(page.getByTestId('link')).toContainText('Connecting');
  const banner = page.getByRole('complementary', { name: 'Connection' });
  await expect(banner).toContainText('Not connected for');
  await expect(banner.getByRole('button', { name: 'Try now' })).toBeVisible();
  await page.unroute('**/api/v1/stream');
  // Unless it has just come back by itself, and taken the button with it.
  await banner.getByRole('button', { name: 'Try now' }).click({ timeout: 3_000 }).catch(() => undefined);
  await expect(page.getByTestId('link')).toContainText('Live');
  await expect(banner).toBeHidden();
});

test('a window that nobody sees lets go of its stream, and takes it up again', async ({ page }) => {
  await page.clock.install();
  const ended = (path: string) => page.waitForEvent('requestfailed', (request) => request.url().endsWith(path));
  await page.goto('/incidents');
  await expect(page.getByTestId('link')).toContainText('Live');
  const letGo = ended('/api/v1/stream');
  await seen(page, 'hidden');
  await page.clock.runFor(12_000);
  await letGo;
  const again = page.waitForRequest('**/api/v1/stream');
  await seen(page, 'visible');
  await again;
  await expect(page.getByTestId('link')).toContainText('Live');
});

test('what others did while nothing was heard stands in the list afterwards', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  const act = (act: object) => request.post(`/api/v1/incidents/${id}/acts`, { data: { by: 'ben', act } });
  await page.goto('/incidents?status=open,quiet');
  const row = page.locator(`tr[data-id="${id}"]`);
  await expect(page.getByTestId('link')).toContainText('Live');
  await expect(row).not.toContainText('zoe');
  await page.clock.install();
  await seen(page, 'hidden');
  await page.clock.runFor(12_000);
  const done = await act({ kind: 'assign', to: 'zoe' });
  expect(done.ok()).toBe(true);
  await seen(page, 'visible');
  await expect(row).toContainText('zoe');
  expect((await act({ kind: 'undo', act: ((await done.json()) as { act: { number: number } }).act.number })).ok()).toBe(true);
  await expect(row).not.toContainText('zoe');
});

test('whoever comes back to the list finds their place and row', async ({ page, request }) => {
  await incidentWithFold(request);
  // Signals, too: there are enough of them to scroll.
  await page.setViewportSize({ width: 1366, height: 400 });
  const view = '/incidents?status=open,quiet,signal&sort=-score';
  const rows = page.locator('a[data-row]');
  await expect(async () => {
    await page.goto(view);
    await expect(rows.nth(5)).toBeAttached({ timeout: 2_000 });
  }).toPass({ timeout: 90_000 });
  const row = rows.nth(5);
  const address = (await row.getAttribute('href')) ?? '';
  await row.focus();
  await page.keyboard.press('x');
  await row.evaluate((link) => link.scrollIntoView({ block: 'center' }));
  expect(await page.evaluate(() => scrollY)).toBeGreaterThan(0);
  const height = () => page.locator(`a[data-row][href="${address}"]`).evaluate((link) => link.getBoundingClientRect().top);
  for (const back of [() => page.goBack(), () => page.getByRole('navigation', { name: 'Where you are' }).getByRole('link', { name: 'Incidents' }).click()]) {
    // Again where something new came in above the row meanwhile: the day goes on.
    await expect(async () => {
      const before = await height();
      await page.keyboard.press('Enter');
      await expect(page.getByTestId('incident')).toBeVisible();
      await back();
      await expect(page).toHaveURL(view);
      await expect(page.locator(`a[data-row][href="${address}"]`)).toBeFocused();
      await expect.poll(async () => Math.abs((await height()) - before), { timeout: 2_000 }).toBeLessThan(10);
    }).toPass({ timeout: 45_000 });
    await expect(page.getByTestId('bulk')).toContainText('1 chosen');
  }
});
