import { defineConfig } from '@playwright/test';

/**
 * BASE_URL names a running Tidewaiter, such as `tidewaiter demo`: the journeys are held to the real
 * engine. The browser is the system's; none is downloaded.
 */
const given = process.env.BASE_URL;
if (!given) throw new Error('BASE_URL must name a running Tidewaiter; scripts/test-console starts one');

export default defineConfig({
  testDir: 'tests',
  fullyParallel: false,
  workers: 1,
  forbidOnly: true,
  reporter: 'list',
  // A Tidewaiter that has just been started needs up to a minute for its first incident.
  timeout: 120_000,
  expect: { timeout: 15_000 },
  use: {
    baseURL: given,
    viewport: { width: 1366, height: 768 },
    browserName: 'chromium',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-default-apps',
        '--disable-domain-reliability',
        '--disable-sync',
        '--no-first-run',
        '--no-pings',
      ],
    },
  },
});
