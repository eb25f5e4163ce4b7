import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** `npm run dev` asks this server for /api: a Tidewaiter, or `npm run mock`. */
const target = process.env.TIDEWAITER_URL ?? 'http://127.0.0.1:8765';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // No data: addresses: the content security policy allows files of our own only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy: Object.fromEntries(
      ['/api', '/healthz', '/readyz', '/metrics'].map((path) => [path, { target }]),
    ),
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
