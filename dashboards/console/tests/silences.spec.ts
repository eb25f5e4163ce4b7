/** Silences: made on an incident and by hand, seen by others at once, ended, taken back. */

import type { APIRequestContext, Page } from '@playwright/test';
import { expect, incidentWithFold, test } from './guard';

async function as(page: Page, name: string) {
  await page.addInitScript((who) => localStorage.setItem('tidewaiter.name', who), name);
}

/** Nothing stays silenced after a test. */
async function endAll(request: APIRequestContext) {
  const { silences } = (await (await request.get('/api/v1/silences?state=active,pending')).json()) as { silences: { id: string }[] };
  for (const { id } of silences) await request.post(`/api/v1/silences/${id}/end`, { data: { by: 'the test' } });
}

test.afterEach(({ request }) => endAll(request));

const inForm = (page: Page) => page.getByRole('dialog');
const toast = (page: Page, text: string) => page.getByTestId('toast').filter({ hasText: text });

test('an incident is silenced narrowly, others see it, and it is ended and taken back', async ({ page, context, request }) => {
  const { id } = await incidentWithFold(request);
  const other = await context.newPage();
  await as(page, 'ann');
  await as(other, 'ben');
  await other.goto('/silences');
  await expect(other.getByText('Nothing is silenced').or(other.getByText('No silence is active or pending'))).toBeVisible();
  await page.goto(`/incidents/${id}`);
  await page.getByRole('button', { name: 'Silence …' }).click();
  const narrowest = inForm(page).getByRole('radio').first();
  await expect(narrowest).toBeChecked();
  await expect(inForm(page)).toContainText('This incident alone');
  await inForm(page).getByRole('button', { name: 'Silence', exact: true }).click();
  await expect(inForm(page).getByRole('alert')).toContainText('Why');
  await inForm(page).getByLabel('Why').fill('the audit of the unit');
  await inForm(page).getByLabel('For how long, or until when').fill('90 min');
  await inForm(page).getByRole('button', { name: 'Silence', exact: true }).click();
  await expect(toast(page, 'Silenced until')).toBeVisible();
  await expect(page.getByTestId('silenced')).toContainText('the audit of the unit');
  await expect(page.getByTestId('silenced')).toContainText('1 h 29 min');
  await expect(page.getByTestId('acts')).toContainText('ann silenced incident');

  // Ben sees it without asking, and ends it.
  const row = other.getByTestId('silence').filter({ hasText: 'the audit of the unit' });
  await expect(row).toContainText('Active');
  await expect(row).toContainText('ann');
  await row.getByRole('button').click();
  await inForm(other).getByLabel('Why').fill('it is over');
  await inForm(other).getByRole('button', { name: 'End it' }).click();
  await expect(row).toBeHidden();
  await expect(page.getByTestId('silenced')).toBeHidden();
  await expect(page.getByTestId('acts')).toContainText('ben ended silence');

  // And takes that back.
  await toast(other, 'Silence ended').getByRole('button', { name: 'Undo' }).click();
  await expect(row).toContainText('Active');
  await expect(page.getByTestId('silenced')).toContainText('the audit of the unit');
  await other.close();
});

test.describe('by hand', () => {
  // The first attempt names nothing, and is refused.
  test.use({ allowed: [/status of 400/] });

test('one is made by hand and by key, listed by state, and kept in the address', async ({ page }) => {
  await as(page, 'ann');
  await page.goto('/incidents');
  await expect(page.getByTestId('link')).toContainText('Live');
  await page.keyboard.press('n');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Silences');
  await expect(page.getByRole('button', { name: 'New silence …' })).toBeEnabled();
  await page.keyboard.press('s');
  await inForm(page).getByLabel('Why').fill('nightly copies');
  await inForm(page).getByRole('button', { name: 'Silence', exact: true }).click();
  await expect(toast(page, 'must name at least one of')).toBeVisible();
  await page.keyboard.press('s');
  await inForm(page).getByLabel('Actor').fill('svc-copy, svc-copy-2');
  await inForm(page).getByLabel('Detector').fill('bulk_read');
  await inForm(page).getByRole('checkbox', { name: /^Medium/ }).check();
  await inForm(page).getByLabel('From').fill('2 h');
  await inForm(page).getByLabel('Why').fill('nightly copies');
  await inForm(page).getByLabel('Who answers for it').fill('ops');
  await inForm(page).getByRole('button', { name: 'Silence', exact: true }).click();
  const row = page.getByTestId('silence').filter({ hasText: 'nightly copies' });
  await expect(row).toContainText('Pending');
  await expect(row).toContainText('svc-copy or svc-copy-2');
  await expect(row).toContainText('ops (made by ann)');

  await toast(page, 'Silenced until').getByRole('button', { name: 'Undo' }).click();
  await expect(row).toBeHidden();
  await page.getByRole('checkbox', { name: /^Ended/ }).check();
  await expect(page).toHaveURL(/state=active,pending,expired/);
  await expect(row.first()).toContainText('Taken back');
  await page.reload();
  // Its end lies before its beginning, and is not shown as one.
  await expect(row.first()).toContainText('never held');
  await expect(row.first()).toContainText('by ann');
});
});

test.describe('where the server fails', () => {
  test.use({ allowed: [/status of 500/] });
  test('what cannot be loaded says so, and can be tried again', async ({ page }) => {
    await page.route('**/api/v1/silences*', (route) => route.fulfill({ status: 500, json: { error: { code: 'internal', message: 'reading the store failed' } } }));
    await page.goto('/silences');
    await expect(page.getByText('The silences could not be loaded')).toBeVisible();
    await expect(page.getByText('reading the store failed')).toBeVisible();
    await page.unroute('**/api/v1/silences*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.getByText('The silences could not be loaded')).toBeHidden();
  });
});
