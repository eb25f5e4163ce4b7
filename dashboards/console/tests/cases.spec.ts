/** What people do: from an alert to a closed incident, alone and with others. */

import { readFile } from 'node:fs/promises';
import type { APIRequestContext, Browser, Page } from '@playwright/test';
import { expect, test as base, watched } from './guard';

interface Found {
  id: string;
  title: string;
  actors: string[];
}

/** Incidents nobody has touched; what a test does to them is undone afterwards. */
const test = base.extend<{ fresh: (n: number) => Promise<Found[]> }>({
  fresh: async ({ request }, use) => {
    const used: string[] = [];
    await use(async (n) => {
      let found: Found[] = [];
      await expect(async () => {
        const list = await request.get('/api/v1/incidents?state=new&sort=-score&limit=20');
        found = ((await list.json()) as { items: Found[] }).items.slice(0, n);
        expect(found.length).toBe(n);
      }).toPass({ timeout: 90_000 });
      used.push(...found.map((incident) => incident.id));
      return found;
    });
    for (const id of used) await takeBack(request, id);
  },
});

/** Every act that can be undone, from the last. */
async function takeBack(request: APIRequestContext, id: string) {
  const { acts } = (await (await request.get(`/api/v1/incidents/${id}/acts`)).json()) as {
    acts: { number: number; act: { kind: string } }[];
  };
  for (const { number, act } of acts.reverse()) {
    if (act.kind !== 'undo') await perform(request, id, { kind: 'undo', act: number }, 'the test');
  }
}

function perform(request: APIRequestContext, id: string, act: object, by: string) {
  return request.post(`/api/v1/incidents/${id}/acts`, { data: { by, act } });
}

/** From now on this page knows who sits before it. */
async function as(page: Page, name: string) {
  await page.addInitScript((who) => localStorage.setItem('tidewaiter.name', who), name);
}

const state = (page: Page) => page.getByTestId('state');
const toast = (page: Page, text: string | RegExp) => page.getByTestId('toast').filter({ hasText: text });
const inForm = (page: Page) => page.getByRole('dialog');

test('from an alert to a closed incident, with clocks and a draft', async ({ page, request, fresh }) => {
  const [{ id, title }] = (await fresh(1)) as [Found];
  await page.goto('/');
  await page.getByRole('link', { name: 'Incidents', exact: true }).click();
  await page.getByTestId('incidents').locator(`a[href="/incidents/${id}"]`).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
  await expect(state(page)).toHaveText('New');

  // Who acts is asked once.
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await inForm(page).getByLabel('Your name').fill('ann');
  await inForm(page).getByRole('button', { name: 'That is me' }).click();
  await expect(state(page)).toHaveText('Acknowledged');
  await expect(page.getByTestId('me')).toHaveText('ann');
  await page.getByRole('button', { name: 'Assign to me' }).click();
  await expect(page.getByTestId('assignee')).toHaveText('ann');
  await page.getByRole('textbox', { name: 'Comment' }).fill('the unit knows nothing of it');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('acts')).toContainText('ann commented: the unit knows nothing of it');
  await page.getByRole('button', { name: 'Investigate' }).click();
  await expect(state(page)).toHaveText('Investigating');
  await page.getByRole('button', { name: 'Link …' }).click();
  await inForm(page).getByLabel('Address').fill('https://tickets.example/7');
  await inForm(page).getByLabel('Title').fill('Ticket 7');
  await inForm(page).getByRole('button', { name: 'Link' }).click();
  await expect(page.getByRole('link', { name: 'Ticket 7' })).toHaveAttribute('href', 'https://tickets.example/7');

  await page.getByRole('button', { name: 'We are aware …' }).click();
  await inForm(page).getByRole('checkbox', { name: /^GDPR/ }).check();
  await inForm(page).getByRole('button', { name: 'Start the clocks' }).click();
  await expect(inForm(page).getByRole('alert')).toContainText('Why');
  await inForm(page).getByLabel('Why').fill('the reads are certain');
  await inForm(page).getByRole('button', { name: 'Start the clocks' }).click();
  const clock = page.getByTestId('clock').filter({ hasText: 'GDPR' });
  await expect(clock).toContainText(/71:59:\d\d/);
  const left = await clock.innerText();
  await expect.poll(() => clock.innerText()).not.toBe(left);

  await clock.getByRole('link', { name: 'Draft' }).click();
  await expect(page.getByTestId('draft')).toContainText('the reads are certain');
  await expect(page.getByTestId('gap').first()).toContainText('To be completed:');
  const downloading = page.waitForEvent('download');
  await page.getByTestId('draft-md').click();
  expect(await readFile(await (await downloading).path(), 'utf8')).toContain('[TO BE COMPLETED]');
  await page.goBack();
  await clock.getByRole('button', { name: 'Sent …' }).click();
  await inForm(page).getByLabel('Reference').fill('AP-2026-17');
  await inForm(page).getByRole('button', { name: 'Record it' }).click();
  await expect(clock).toContainText('Sent in time');

  await page.keyboard.press('c');
  await expect(state(page)).toHaveText('Contained');
  await page.keyboard.press('r');
  await inForm(page).getByRole('radio', { name: /^True positive/ }).check();
  await inForm(page).getByRole('button', { name: 'Resolve' }).click();
  await expect(state(page)).toContainText('Resolved · true positive');
  await page.reload();
  await expect(state(page)).toContainText('Resolved · true positive');
  const kept = await (await request.get(`/api/v1/incidents/${id}`)).json();
  expect([kept.case.state, kept.case.resolution, kept.case.assignee]).toEqual(['resolved', 'true_positive', 'ann']);
  // People stand in the timeline beside what they look at.
  await page.getByRole('button', { name: 'What people did later' }).click();
  await expect(page.getByTestId('line').filter({ hasText: 'ann resolved it as true positive' }).last()).toBeVisible();
});

test('what was just done is undone', async ({ page, fresh }) => {
  const [{ id }] = (await fresh(1)) as [Found];
  await as(page, 'ann');
  await page.goto(`/incidents/${id}`);
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await toast(page, 'Acknowledged').getByRole('button', { name: 'Undo' }).click();
  await expect(state(page)).toHaveText('New');
  await expect(page.getByTestId('acts')).toContainText('ann acknowledged the incident · undone');
});

async function another(browser: Browser, baseURL: string | undefined, name: string) {
  const context = await browser.newContext({ baseURL: baseURL ?? '' });
  const page = await context.newPage();
  const problems = watched(page, new URL(baseURL ?? '').host);
  await as(page, name);
  return { page, problems, close: () => context.close() };
}

test('two people see what the other does, at once', async ({ page, browser, baseURL, fresh }) => {
  const [{ id }] = (await fresh(1)) as [Found];
  const ben = await another(browser, baseURL, 'ben');
  await as(page, 'ann');
  await page.goto(`/incidents/${id}`);
  await ben.page.goto(`/incidents/${id}`);
  for (const each of [page, ben.page]) {
    await expect(state(each)).toHaveText('New');
    await expect(each.getByTestId('link')).toContainText('Live');
  }

  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await expect(state(ben.page)).toHaveText('Acknowledged');
  await ben.page.getByRole('button', { name: 'Assign to me' }).click();
  await expect(page.getByTestId('assignee')).toHaveText('ben');
  await ben.page.getByRole('textbox', { name: 'Comment' }).fill('mine now');
  await ben.page.keyboard.press('Enter');
  await expect(page.getByTestId('acts')).toContainText('ben commented: mine now');

  await ben.page.goto('/incidents?assignee=ben');
  const row = ben.page.getByTestId('incidents').getByRole('row').filter({ has: ben.page.locator(`a[href="/incidents/${id}"]`) });
  await expect(row).toContainText('Acknowledged');
  await page.getByRole('button', { name: 'Investigate' }).click();
  await expect(row).toContainText('Investigating');
  expect(ben.problems).toEqual([]);
  await ben.close();
});

test.describe('when it is refused', () => {
  test.use({ allowed: [/Failed to load resource/] });

  test('because somebody was faster, it is said, and the page shows what is', async ({ page, request, fresh }) => {
    const [{ id }] = (await fresh(1)) as [Found];
    await as(page, 'ann');
    await page.route('**/api/v1/stream', (route) => route.abort());
    await page.goto(`/incidents/${id}`);
    await expect(state(page)).toHaveText('New');
    expect((await perform(request, id, { kind: 'acknowledge' }, 'cas')).status()).toBe(201);
    await page.getByRole('button', { name: 'Investigate' }).click();
    await expect(toast(page, 'Not done.')).toContainText('cas changed the incident meanwhile');
    await expect(state(page)).toHaveText('Acknowledged');
    await page.getByRole('button', { name: 'Investigate' }).click();
    await expect(state(page)).toHaveText('Investigating');
  });

  test('the proxy alone says who acts, and nobody is asked', async ({ page, fresh }) => {
    const [{ id }] = (await fresh(1)) as [Found];
    await page.route('**/api/v1/me', (route) => route.fulfill({ json: { user: 'cas', by_proxy: true } }));
    await page.goto(`/incidents/${id}`);
    await expect(page.getByText('cas', { exact: true })).toBeVisible();
    await expect(page.getByTestId('me')).toHaveCount(0);
    const asked = page.waitForRequest((request) => request.method() === 'POST');
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    expect((await asked).postDataJSON()).toEqual({ revision: expect.any(Number), act: { kind: 'acknowledge' } });
    // This server has no proxy before it, and so wants a name.
    await expect(toast(page, 'Not done.')).toContainText('`by` is missing');
  });

  test('a refused exception says why', async ({ page, fresh }) => {
    const [{ id }] = (await fresh(1)) as [Found];
    await as(page, 'ann');
    const message = 'it would have hidden findings of a confirmed breach';
    await page.route('**/exception-proposal', (route) =>
      route.fulfill({ status: 409, json: { error: { code: 'conflict', message } } }),
    );
    await page.goto(`/incidents/${id}`);
    await resolveAs(page, /^Benign/);
    await expect(page.getByTestId('proposals')).toContainText(message);
    await expect(page.getByTestId('proposals').getByRole('button')).toHaveCount(0);
  });
});

async function resolveAs(page: Page, resolution: RegExp) {
  await page.getByRole('group', { name: 'Next steps' }).getByRole('button', { name: /^Resolve/ }).click();
  await inForm(page).getByRole('radio', { name: resolution }).check();
  await inForm(page).getByRole('button', { name: 'Resolve' }).click();
  await expect(state(page)).toContainText('Resolved');
}

test('what was benign is kept quiet by an exception, until that is revoked', async ({ page, fresh }) => {
  const [{ id }] = (await fresh(1)) as [Found];
  await as(page, 'ann');
  await page.goto(`/incidents/${id}`);
  await resolveAs(page, /^Benign/);
  const proposal = page.getByTestId('proposal').first();
  await expect(proposal).toContainText(/it would have hidden\s+\d/);
  const reason = `agreed with the unit (${id.slice(0, 8)})`;
  await proposal.getByRole('button', { name: 'Add …' }).click();
  await expect(inForm(page).getByLabel('Who answers for it')).toHaveValue('ann');
  await inForm(page).getByLabel('Why it is allowed').fill(reason);
  await inForm(page).getByRole('button', { name: 'Add the exception' }).click();
  await expect(proposal).toContainText('holds until');

  await page.getByRole('link', { name: 'All exceptions' }).click();
  const row = page.getByTestId('exceptions').getByRole('row').filter({ hasText: reason });
  await expect(row).toContainText('Holding');
  await row.getByRole('button', { name: 'Revoke …' }).click();
  await inForm(page).getByLabel('Why').fill('the agreement has ended');
  await inForm(page).getByRole('button', { name: 'Revoke' }).click();
  await expect(row).toContainText('Revoked');
});

test('the alert budget is changed on second thought, and is on record', async ({ page }) => {
  await as(page, 'ann');
  await page.goto('/rules');
  const row = page.getByTestId('budget').getByRole('row').nth(1);
  await expect(row.getByRole('rowheader')).toHaveText('5');
  const ask = async (value: string, sure: boolean) => {
    await row.getByRole('button', { name: 'Change …' }).click();
    await page.getByLabel('Budget, per 1,000 actors and day').fill(value);
    await page.getByLabel('Why').fill('a busy week');
    await page.getByRole('button', { name: 'Go on' }).click();
    if (sure) await page.getByRole('button', { name: 'Change the budget' }).click();
  };
  await ask('0', false);
  await expect(page.getByText('must be above 0')).toBeVisible();
  await ask('2.5', false);
  await expect(page.getByRole('heading', { name: 'From 5 to 2.5 per 1,000 actors and day?' })).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(row.getByRole('rowheader')).toHaveText('5');
  await ask('2.5', true);
  await expect(row.getByRole('rowheader')).toHaveText('2.5');
  await expect(row).toContainText('by ann');
  await ask('', true);
  await expect(row.getByRole('rowheader')).toHaveText('5');
  await page.goto('/audit?kind=set_budget');
  await expect(page.getByText('changed the alert budget from 5 to 2.5 per 1,000 actors and day: a busy week').first()).toBeVisible();
});

test('several are worked at once, by key, and a view of them is saved', async ({ page, request, fresh }) => {
  const two = await fresh(2);
  await as(page, 'ann');
  await page.goto('/incidents?state=new&sort=-score');
  const rows = page.locator('a[data-row]');
  await expect(rows.nth(1)).toBeVisible();
  for (const { id } of two) {
    await page.locator(`a[data-row][href="/incidents/${id}"]`).focus();
    await page.keyboard.press('x');
  }
  await expect(page.getByTestId('bulk')).toContainText('2 chosen');
  await page.keyboard.press('a');
  await expect(toast(page, 'Acknowledged: 2 incidents')).toBeVisible();
  for (const { id } of two) {
    expect((await (await request.get(`/api/v1/incidents/${id}`)).json()).case.state).toBe('acknowledged');
  }
  await expect(page.getByTestId('bulk')).toHaveCount(0);

  await page.getByRole('group', { name: 'State' }).getByRole('button', { name: 'New' }).click();
  await page.getByRole('group', { name: 'State' }).getByRole('button', { name: 'Acknowledged' }).click();
  await expect(page).toHaveURL(/state=acknowledged/);
  for (const { id } of two) await expect(page.locator(`a[data-row][href="/incidents/${id}"]`)).toBeVisible();
  const link = new URL(page.url());
  await page.getByRole('button', { name: 'Save this view …' }).click();
  await inForm(page).getByLabel('Name').fill('Looked at');
  await inForm(page).getByRole('button', { name: 'Save' }).click();
  await page.goto('/incidents');
  await page.getByRole('link', { name: 'Looked at' }).click();
  await expect(page).toHaveURL(link.href);
  await page.getByRole('button', { name: 'Forget the view Looked at' }).click();
  await expect(page.getByRole('link', { name: 'Looked at' })).toHaveCount(0);

  for (const { id } of two) await page.getByTestId('incidents').locator(`tr[data-id="${id}"]`).getByRole('checkbox').check();
  await page.getByTestId('bulk').getByRole('button', { name: 'Assign to me' }).click();
  await toast(page, 'Assigned to ann: 2 incidents').getByRole('button', { name: 'Undo' }).click();
  await expect(toast(page, 'Undone: Assigned to ann: 2 incidents')).toBeVisible();
  for (const { id } of two) {
    expect((await (await request.get(`/api/v1/incidents/${id}`)).json()).case.assignee).toBeNull();
  }
});

test('what was done stands in the audit log, and is filtered there', async ({ page, request, fresh }) => {
  const [{ id }] = (await fresh(1)) as [Found];
  await perform(request, id, { kind: 'comment', text: 'seen by the auditor' }, 'ann of the audit');
  await page.goto('/');
  await page.getByRole('link', { name: 'Audit' }).click();
  const audit = page.getByTestId('audit');
  const row = audit.getByRole('row').filter({ hasText: 'seen by the auditor' });
  await expect(row).toContainText('Comment');
  await row.getByRole('link', { name: 'ann of the audit' }).click();
  await expect(page).toHaveURL(/by=ann/);
  await expect(audit.locator('tbody').getByRole('row')).toHaveCount(1);
  // What others do meanwhile comes on top.
  await perform(request, id, { kind: 'comment', text: 'and once more' }, 'ann of the audit');
  await expect(audit.locator('tbody').getByRole('row').first()).toContainText('and once more');
  await page.getByLabel('Kind').selectOption('Link');
  await expect(page.getByText('Nothing on record fits these filters')).toBeVisible();
  await page.goto('/audit');
  await row.getByRole('link', { name: id.slice(0, 12) }).click();
  await expect(page).toHaveURL(new RegExp(`/incidents/${id}`));
});

test('another incident is absorbed by hand, and a finding split off again', async ({ page, request, fresh }) => {
  const [{ id }, { id: other }] = (await fresh(2)) as [Found, Found];
  await as(page, 'ann');
  await page.goto(`/incidents/${id}`);
  await page.getByRole('button', { name: 'Absorb …' }).click();
  await inForm(page).getByLabel('Incident').fill(other);
  await inForm(page).getByRole('button', { name: 'Absorb' }).click();
  await expect(toast(page, 'absorbed')).toBeVisible();
  // The monitor does it.
  await expect(async () => {
    const one = (await (await request.get(`/api/v1/incidents/${other}`)).json()) as { merged_into: string | null };
    expect(one.merged_into).toBe(id);
  }).toPass({ timeout: 60_000 });
  await page.goto(`/incidents/${other}`);
  await expect(page.getByTestId('absorbed').getByRole('link', { name: id })).toBeVisible();
  await expect(page.getByTestId('case').getByRole('button')).toHaveCount(0);

  await page.goto(`/incidents/${id}`);
  await page.getByRole('button', { name: /^Split off/ }).last().click();
  await inForm(page).getByRole('button', { name: 'Split off' }).click();
  await expect(toast(page, 'split off')).toBeVisible();
  await expect(async () => {
    const { acts } = (await (await request.get(`/api/v1/incidents/${id}/acts`)).json()) as {
      acts: { act: { kind: string; finding?: string } }[];
    };
    const finding = acts.find((one) => one.act.kind === 'split')?.act.finding ?? '';
    const list = (await (await request.get('/api/v1/incidents?status=open,quiet,signal&limit=1000')).json()) as {
      items: { id: string; findings: string[] }[];
    };
    const holder = list.items.find((one) => one.findings.includes(finding));
    expect(holder && holder.id !== id).toBe(true);
  }).toPass({ timeout: 60_000 });
});
