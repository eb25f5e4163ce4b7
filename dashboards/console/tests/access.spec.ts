import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import type { AxeResults } from 'axe-core';
import { expect, incidentWithFold, test } from './guard';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** All violations, as `rule: where`. */
async function violations(page: Page): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  // From the top: what is half under the bar as one scrolls is no target that is too small.
  await page.evaluate(() => scrollTo(0, 0));
  const results = await page.evaluate(
    (tags) =>
      (globalThis as unknown as { axe: { run(on: Document, how: object): Promise<AxeResults> } }).axe.run(
        document,
        { runOnly: { type: 'tag', values: tags } },
      ),
    TAGS,
  );
  return results.violations
    .flatMap((violation) =>
      violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')} ${node.failureSummary}`),
    );
}

for (const theme of ['light', 'dark'] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    for (const path of ['/', '/incidents', '/findings', '/rules', '/silences', '/audit', '/actors/nobody', '/subjects/nobody', '/report', '/no/such/page']) {
      test(`${path} can be used by everybody`, async ({ page, request }) => {
        await incidentWithFold(request);
        await page.goto(path);
        await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
        await expect(page.getByTestId('link')).toContainText('Live');
        await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
        expect(await violations(page)).toEqual([]);
      });
    }

    test('an incident can be used by everybody', async ({ page, request }) => {
      const { id } = await incidentWithFold(request);
      await page.goto(`/incidents/${id}`);
      await page.getByTestId('fold').first().click();
      await expect(page.getByTestId('inside').first()).toBeVisible();
      expect(await violations(page)).toEqual([]);
    });

    test('its forms, draft, report and actor can be used by everybody', async ({ page, request }) => {
      const { id, actors } = await incidentWithFold(request);
      await page.goto(`/incidents/${id}`);
      for (const name of [/aware .*…$/i, 'Assign …', 'Who are you?']) {
        await page.getByRole('button', { name }).click();
        await expect(page.getByRole('dialog')).toBeVisible();
        expect(await violations(page)).toEqual([]);
        await page.getByRole('button', { name: 'Cancel' }).click();
      }
      await page.goto(`/incidents/${id}/notification/gdpr`);
      await expect(page.getByTestId('gap').first()).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await page.goto(`/report?incidents=${id}`);
      await expect(page.getByTestId('report-people')).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await page.goto(`/actors/${encodeURIComponent(actors[0] ?? '')}`);
      await expect(page.getByTestId('line').first()).toBeVisible();
      expect(await violations(page)).toEqual([]);
    });

    test('rows chosen and rules opened can be used by everybody', async ({ page, request }) => {
      await incidentWithFold(request);
      await page.goto('/incidents');
      await page.getByTestId('incidents').getByRole('checkbox').nth(1).check();
      await expect(page.getByTestId('bulk')).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await page.goto('/rules');
      await page.getByTestId('rules').getByRole('button').first().click();
      await expect(page.getByText('What to do').first()).toBeVisible();
      expect(await violations(page)).toEqual([]);
    });
  });
}

for (const width of [1366, 1920, 3840]) {
  test(`no page scrolls sideways at ${width} px`, async ({ page, request }) => {
    const { id, actors } = await incidentWithFold(request);
    await page.setViewportSize({ width, height: Math.round((width * 9) / 16) });
    for (const path of ['/', '/incidents', `/incidents/${id}`, '/findings', '/rules', '/silences', '/audit', '/datasets/pnr', `/actors/${encodeURIComponent(actors[0] ?? '')}`]) {
      await page.goto(path);
      await expect(page.getByTestId('link')).toContainText('Live');
      // Nobody may have done anything yet.
      const content = path === '/audit' || path === '/silences' ? page.getByRole('heading', { level: 2 }) : page.locator('table');
      await expect(content.first()).toBeVisible();
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(over, path).toBeLessThanOrEqual(0);
    }
  });
}
