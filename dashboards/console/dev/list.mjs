// How long a key takes in a long list of incidents: from the press until the next row stands there
// with the focus, drawn. A benchmark, not a test.
//
// BASE_URL names a running Tidewaiter with more than ROWS (550) incidents, PRESSES how often (60).

import { chromium } from '@playwright/test';

const { BASE_URL: baseURL, ROWS: rows = '550', PRESSES: presses = '60' } = process.env;
if (!baseURL) throw new Error('BASE_URL must be given');

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({ viewport: { width: 1366, height: 768 }, baseURL });
await page.goto('/incidents');
const row = page.locator('a[data-row]');
await row.first().waitFor();
while ((await row.count()) < Number(rows)) {
  const before = await row.count();
  await page.getByRole('button', { name: 'Load more' }).click();
  await page.waitForFunction((n) => document.querySelectorAll('a[data-row]').length > n, before);
}
for (const key of ['j', 'x']) {
  const times = await page.evaluate(
    async ([key, presses]) => {
      const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      const took = [];
      for (let n = 0; n < presses; n++) {
        await drawn();
        const started = performance.now();
        (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        await drawn();
        took.push(performance.now() - started);
      }
      return took.sort((a, b) => a - b);
    },
    [key, Number(presses)],
  );
  const at = (share) => `${Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))])} ms`;
  console.log(`${key} at ${await row.count()} rows  p50 ${at(0.5)}  p95 ${at(0.95)}  most ${at(1)}`);
}
await browser.close();
