// A breach from the first look to the closed incident, in Chromium, with a picture of each step in
// docs/tour. BASE_URL names a running `tidewaiter demo`.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from '@playwright/test';

const base = process.env.BASE_URL;
if (!base) throw new Error('BASE_URL must name a running tidewaiter demo');
const into = fileURLToPath(new URL('../../../docs/tour', import.meta.url));
await mkdir(into, { recursive: true });
const scratch = await mkdtemp(join(tmpdir(), 'tour-'));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({ viewport: { width: 1366, height: 768 }, baseURL: base, colorScheme: 'light' });
const started = performance.now();

async function step(name, what, go) {
  const before = performance.now();
  await go();
  const took = (performance.now() - before) / 1000;
  console.log(`${name.padEnd(12)} ${took.toFixed(1).padStart(5)} s  ${what}`);
  await page.screenshot({ path: `${into}/${name}.png` });
}

const button = (name) => page.getByRole('button', { name, exact: true });
const dialog = page.getByRole('dialog');
const state = (word) => page.getByTestId('state').filter({ hasText: word }).waitFor();

await step('1-watch', 'what is happening now', async () => {
  await page.goto('/');
  await page.getByTestId('latest-incidents').locator('a').first().waitFor({ timeout: 90_000 });
});
await step('2-list', 'what is to do, the worst first', async () => {
  await page.getByRole('link', { name: 'Incidents', exact: true }).click();
  await page.getByRole('link', { name: 'To do', exact: true }).click();
  await page.getByRole('button', { name: 'Score' }).click();
  await page.locator('a[data-row]').first().waitFor();
});
await step('3-incident', 'acknowledged, assigned, commented', async () => {
  await page.locator('tr').filter({ hasText: 'New' }).locator('a[data-row]').first().click();
  await button('Acknowledge').click();
  await dialog.getByLabel('Your name').fill('ann');
  await dialog.getByRole('button', { name: 'That is me' }).click();
  await state('Acknowledged');
  await button('Assign to me').click();
  await page.getByTestId('assignee').filter({ hasText: 'ann' }).waitFor();
  await page.getByRole('textbox', { name: 'Comment' }).fill('the unit knows nothing of it');
  await page.keyboard.press('Enter');
  await page.getByTestId('acts').getByText('ann commented').waitFor();
});
// The whole page at a glance, for those who only look at one picture.
await page.setViewportSize({ width: 1366, height: 1180 });
await page.getByTestId('overview').waitFor();
await page.screenshot({ path: `${into}/../console.png` });
await page.setViewportSize({ width: 1366, height: 768 });
await step('4-timeline', 'ten minutes of what happened', async () => {
  await page.getByLabel('How wide to look').selectOption({ label: '10 minutes' });
  await page.locator('#i-timeline').evaluate((title) => title.scrollIntoView());
  await page.getByTestId('line').first().waitFor();
  const told = page.getByRole('button', { name: 'Dismiss' });
  while ((await told.count()) > 0) await told.first().click();
});
await step('5-clocks', 'we are aware', async () => {
  await page.evaluate(() => scrollTo(0, 0));
  await button('We are aware …').click();
  for (const name of [/^GDPR/, /^NIS2/]) await dialog.getByRole('checkbox', { name }).check();
  await dialog.getByLabel('Why').fill('the reads are certain, and so is the outflow');
  await dialog.getByRole('button', { name: 'Start the clocks' }).click();
  await page.getByTestId('clock').first().waitFor();
});
await step('6-draft', 'the draft for the authority', async () => {
  await page.getByTestId('clock').first().getByRole('link', { name: 'Draft' }).click();
  await page.getByTestId('gap').first().waitFor();
});
await step('7-silence', 'no more notices of it while it is worked on', async () => {
  await page.goBack();
  await button('Silence …').click();
  await dialog.getByLabel('Why').fill('it is being worked on');
  await dialog.getByLabel('For how long, or until when').fill('90 min');
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
  await page.getByTestId('silenced').waitFor();
});
await step('8-closed', 'contained, told, resolved', async () => {
  await page.getByTestId('clock').first().getByRole('button', { name: 'Sent …' }).click();
  await dialog.getByLabel('Reference').fill('AP-2026-17');
  await dialog.getByRole('button', { name: 'Record it' }).click();
  await page.getByTestId('clock').first().getByText('Sent in time').waitFor();
  await button('Contain').click();
  await state('Contained');
  await button('Resolve …').click();
  await dialog.getByRole('radio', { name: /^True positive/ }).check();
  await dialog.getByRole('button', { name: 'Resolve', exact: true }).click();
  await state('Resolved');
});
await step('9-printed', 'the timeline as it is printed', async () => {
  const downloading = page.waitForEvent('download');
  await page.getByTestId('export-html').click();
  const file = join(scratch, 'timeline.html');
  await (await downloading).saveAs(file);
  await page.emulateMedia({ media: 'print' });
  await page.goto(pathToFileURL(file).href);
});
await page.emulateMedia({ media: 'screen' });
await page.goBack();
await step('10-rules', 'how often each detector was right', async () => {
  await page.getByRole('link', { name: 'Rules and detectors' }).click();
  await page.getByTestId('detectors').getByText('100%').first().waitFor();
});
console.log(`${'all'.padEnd(12)} ${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s`);
await browser.close();
await rm(scratch, { recursive: true });
