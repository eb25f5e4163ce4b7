import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Locator, Page } from '@playwright/test';
import type { AxeResults } from 'axe-core';
import { expect, incidentWithFold, test } from './guard';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ALL = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
/** Those among them about colour: all that a theme can break. */
const COLOUR = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };

/** All violations of these rules in this part, as `rule: where`. */
async function violations(part: Locator, runOnly: typeof ALL): Promise<string[]> {
  const results = await part.evaluate(
    (part, runOnly) =>
      (globalThis as unknown as { axe: { run(on: Node, how: object): Promise<AxeResults> } }).axe.run(
        part === document.documentElement ? document : part,
        { runOnly },
      ),
    runOnly,
  );
  return results.violations
    .flatMap((violation) =>
      violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')} ${node.failureSummary}`),
    );
}

/** The page, or a part of it, by every rule in the light theme and by those about colour in the dark. */
async function canBeUsed(page: Page, part = page.locator('html')) {
  await page.evaluate(AXE);
  // From the top: what is half under the bar as one scrolls is no target that is too small.
  await page.evaluate(() => scrollTo(0, 0));
  for (const [theme, rules] of [['dark', COLOUR], ['light', ALL]] as const) {
    await page.emulateMedia({ colorScheme: theme });
    await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
    expect(await violations(part, rules), theme).toEqual([]);
  }
}

for (const path of ['/', '/incidents', '/findings', '/rules', '/silences', '/audit', '/actors/nobody', '/subjects/nobody', '/report', '/no/such/page']) {
  test(`${path} can be used by everybody`, async ({ page, request }) => {
    await incidentWithFold(request);
    await page.goto(path);
    await expect(page.getByTestId('link')).toContainText('Live');
    await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
    await canBeUsed(page);
  });
}

test('an incident can be used by everybody', async ({ page, request }) => {
  const { id } = await incidentWithFold(request);
  await page.goto(`/incidents/${id}`);
  await page.getByTestId('fold').first().click();
  await expect(page.getByTestId('inside').first()).toBeVisible();
  await canBeUsed(page);
});

test('its forms, draft, report and actor can be used by everybody', async ({ page, request }) => {
  const { id, actors } = await incidentWithFold(request);
  await page.goto(`/incidents/${id}`);
  for (const name of [/aware .*…$/i, 'Assign …', 'Who are you?']) {
    await page.getByRole('button', { name }).click();
    // What is behind it has a test of its own.
    await canBeUsed(page, page.getByRole('dialog'));
    await page.getByRole('button', { name: 'Cancel' }).click();
  }
  await page.goto(`/incidents/${id}/notification/gdpr`);
  await expect(page.getByTestId('gap').first()).toBeVisible();
  await canBeUsed(page);
  await page.goto(`/report?incidents=${id}`);
  await expect(page.getByTestId('report-people')).toBeVisible();
  await canBeUsed(page);
  await page.goto(`/actors/${encodeURIComponent(actors[0] ?? '')}`);
  await expect(page.getByTestId('line').first()).toBeVisible();
  await canBeUsed(page);
});

test('rows chosen and rules opened can be used by everybody', async ({ page, request }) => {
  await incidentWithFold(request);
  await page.goto('/incidents');
  await page.getByTestId('incidents').getByRole('checkbox').nth(1).check();
  await expect(page.getByTestId('bulk')).toBeVisible();
  await canBeUsed(page);
  await page.goto('/rules?q=failed+logins');
  await page.getByTestId('rules').getByRole('button').first().click();
  await expect(page.getByText('What to do').first()).toBeVisible();
  await canBeUsed(page);
});

test('no page scrolls sideways, from a laptop to a wall screen', async ({ page, request }) => {
  const { id, actors } = await incidentWithFold(request);
  for (const path of ['/', '/incidents', `/incidents/${id}`, '/findings', '/rules', '/silences', '/audit', '/datasets/pnr', `/actors/${encodeURIComponent(actors[0] ?? '')}`]) {
    await page.goto(path);
    await expect(page.getByTestId('link')).toContainText('Live');
    // Nobody may have done anything yet.
    const content = path === '/audit' || path === '/silences' ? page.getByRole('heading', { level: 2 }) : page.locator('table');
    await expect(content.first()).toBeVisible();
    for (const width of [1366, 1920, 3840]) {
      await page.setViewportSize({ width, height: Math.round((width * 9) / 16) });
      const over = await page.evaluate(
        () =>
          new Promise<number>((done) =>
            requestAnimationFrame(() =>
              requestAnimationFrame(() =>
                done(document.documentElement.scrollWidth - document.documentElement.clientWidth),
              ),
            ),
          ),
      );
      expect(over, `${path} at ${width} px`).toBeLessThanOrEqual(0);
    }
  }
});
