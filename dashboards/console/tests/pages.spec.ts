/** The drawn timeline by key, the rules and detectors, an actor. */

import { expect, incidentWithFold, test } from './guard';

test('the timeline is looked at closer and farther without a mouse', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await page.goto(`/incidents/${id}`);
  await expect(page.getByTestId('line').first()).toBeVisible();
  await expect(page.getByText(/^All \d+ lines shown/)).toBeVisible();
  const all = await page.getByTestId('line').count();
  const beginning = page.getByRole('slider', { name: 'Beginning of what is shown' });
  await beginning.focus();
  for (let n = 0; n < 8; n++) await page.keyboard.press('PageUp');
  await expect(page).toHaveURL(/from=.+&to=.+/);
  await expect.poll(() => page.getByTestId('line').count()).toBeLessThan(all);
  const before = Number(await beginning.getAttribute('aria-valuenow'));
  await page.keyboard.press('ArrowLeft');
  await expect.poll(async () => Number(await beginning.getAttribute('aria-valuenow'))).toBeLessThan(before);
  await page.keyboard.press('0');
  await expect(page).not.toHaveURL(/from=/);

  await page.getByLabel('How wide to look').selectOption({ label: '10 seconds' });
  const span = () => {
    const search = new URL(page.url()).searchParams;
    return Date.parse(search.get('to') ?? '') - Date.parse(search.get('from') ?? '');
  };
  await expect.poll(span).toBe(10_000);
  await page.keyboard.press('-');
  await expect.poll(span).toBe(20_000);
});

test('rules and detectors say what they found and what to do', async ({ page, request }) => {
  await incidentWithFold(request);
  await page.goto('/rules');
  const detectors = page.getByTestId('detectors');
  await expect(detectors.getByRole('row').filter({ hasText: 'Bulk read' })).toContainText(/On|Until learned|Shadow/);
  await expect(detectors.locator('td.number').first()).toHaveText(/[1-9]/);
  const rules = page.getByTestId('rules');
  const all = await rules.getByRole('row').count();
  await page.getByLabel('Search').fill('failed logins');
  await expect(page).toHaveURL(/q=failed\+logins/);
  await expect.poll(() => rules.getByRole('row').count()).toBeLessThan(all);
  await rules.getByRole('button').first().click();
  await expect(rules.getByText('What to do')).toBeVisible();
});

test('from an incident to its actor, and what they did', async ({ page, request }) => {
  const { id, title, actors } = await incidentWithFold(request);
  const actor = actors[0] ?? '';
  await page.goto(`/incidents/${id}`);
  await page.getByRole('link', { name: actor, exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(actor);
  await expect(page.getByTestId('about-incidents')).toContainText(title.slice(0, 20));
  await expect(page.getByTestId('about-timeline').getByTestId('line').first()).toBeVisible();
  await expect(page.getByTestId('incident-findings').getByRole('row')).not.toHaveCount(1);
});

test('all of a span is read back from Kafka, and what makes no span is refused', async ({ page, request }) => {
  const { actors } = await incidentWithFold(request);
  await page.goto(`/actors/${encodeURIComponent(actors[0] ?? '')}`);
  await expect(page.getByTestId('about-timeline').getByTestId('line').first()).toBeVisible();
  const said = page.getByTestId('past-said');
  const from = page.getByLabel('From', { exact: true });
  const offered = await from.inputValue();
  await from.fill('yesterday');
  await page.getByRole('button', { name: 'Read it' }).click();
  await expect(said).toContainText('Both must be times such as');
  await from.fill(offered);
  await page.getByRole('button', { name: 'Read it' }).click();
  await expect(said).toContainText(/^[\d,]+ entr(y|ies) among [\d,]+ records/, { timeout: 80_000 });
  await expect(page.getByTestId('about-timeline').getByTestId('line').first()).toBeVisible();
  await page.getByRole('button', { name: 'Back to the incidents’' }).click();
  await expect(said).toHaveText('also what nothing was found in');
});

test('an address, a dataset, a session and a subject have pages of their own', async ({ page, request }) => {
  const { id, title } = await incidentWithFold(request);
  const answer = await request.get(`/api/v1/incidents/${id}/timeline?fold=false&kinds=access&limit=1000`);
  const { lines } = (await answer.json()) as {
    lines: { source_ip: string; dataset: string; session: string | null; tokens: string[] }[];
  };
  const line = lines.find((one) => one.session !== null && one.tokens.length > 0);
  if (!line) throw new Error('no read names a session and a subject');
  for (const [kind, value] of [
    ['sources', line.source_ip],
    ['datasets', line.dataset],
    ['sessions', line.session ?? ''],
    ['subjects', line.tokens[0] ?? ''],
  ] as const) {
    await page.goto(`/${kind}/${encodeURIComponent(value)}`);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(value);
    if (kind === 'sessions' || kind === 'subjects') {
      await expect(page.getByTestId('about-incidents')).toContainText(title.slice(0, 20));
    } else {
      await expect(page.getByTestId('about-incidents').locator('tbody').getByRole('row').first()).toBeVisible();
    }
    await expect(page.getByTestId('about-timeline').getByTestId('line').first()).toBeVisible();
  }
  // Of the subject only what was read of them, and from there back to who did.
  await expect(page.getByTestId('about-timeline').getByTestId('line')).not.toHaveCount(0);
  await page.getByRole('link', { name: line.session ?? '', exact: true }).first().click();
  await expect(page).toHaveURL(/\/sessions\//);
  await page.goto('/subjects/p1.00000000000000000000000000000000');
  await expect(page.getByText('Nothing is known of this subject')).toBeVisible();
});

test('an incident sets what is usual against what was seen', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await page.goto(`/incidents/${id}`);
  const usual = page.getByTestId('usual');
  await expect(usual.getByText(/times the usual|never usual/).first()).toBeVisible();
  await usual.getByRole('link').first().click();
  await expect(page).toHaveURL(/#finding-/);
});

test('rules say what they cost', async ({ page, request }) => {
  await incidentWithFold(request);
  await page.goto('/rules');
  await expect(page.getByRole('columnheader', { name: 'Time spent' })).toBeVisible();
  await expect(page.getByTestId('rules')).toContainText(/\d ms|\d s/);
});

test('a report over several incidents counts everybody once', async ({ page, request }) => {
  await incidentWithFold(request);
  await page.goto('/incidents?sort=-score');
  const ticks = page.getByTestId('incidents').getByRole('checkbox');
  await ticks.nth(1).check();
  const several = (await ticks.count()) > 2;
  if (several) await ticks.nth(2).check();
  await page.getByRole('link', { name: 'Report' }).click();
  await expect(page).toHaveURL(/\/report\?incidents=\w+/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Report over ${several ? '2 incidents' : '1 incident'}`);
  await expect(page.getByTestId('report-people')).toHaveText(/[1-9]/);
  await expect(page.getByTestId('report-incidents').locator('tbody').getByRole('row')).toHaveCount(several ? 2 : 1);
});

test('an actor nobody knows is said to be unknown', async ({ page }) => {
  await page.goto('/actors/nobody%40example');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('nobody@example');
  await expect(page.getByText('Nothing is known of this actor')).toBeVisible();
});
