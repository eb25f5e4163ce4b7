// How long Chromium takes to open an incident with a long timeline: from the click on its address
// until lines can be read, and until all are there. A benchmark, not a test.
//
// BASE_URL names a running Tidewaiter, INCIDENT an incident's id, ROUNDS how often (20).

import { chromium } from '@playwright/test';

const { BASE_URL: baseURL, INCIDENT: id, ROUNDS: rounds = '20' } = process.env;
if (!baseURL || !id) throw new Error('BASE_URL and INCIDENT must be given');

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({ viewport: { width: 1366, height: 768 }, baseURL });
const readable = [];
const complete = [];
for (let round = 0; round < Number(rounds); round++) {
  await page.goto('about:blank');
  const started = performance.now();
  const answer = (rest) => page.waitForResponse((one) => one.url().includes(`${id}/timeline`) && one.url().includes('cursor=') === rest);
  const [first, rest] = [answer(false), answer(true).catch(() => null)];
  await page.goto(`/incidents/${id}`, { waitUntil: 'commit' });
  await page.getByTestId('line').first().waitFor();
  readable.push(performance.now() - started);
  // What folds to few lines comes at once.
  if ((await (await first).json()).next !== null) await (await rest)?.finished();
  // Drawn, too.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  complete.push(performance.now() - started);
}
await browser.close();

for (const [what, times] of Object.entries({ 'lines can be read': readable, 'all are there': complete })) {
  times.sort((a, b) => a - b);
  const at = (share) => `${Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))])} ms`;
  console.log(`${what.padEnd(18)} p50 ${at(0.5)}  p95 ${at(0.95)}  most ${at(1)}`);
}
