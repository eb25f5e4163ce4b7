import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** `npm run dev` and `npm run preview` ask this server for /api: a Tidewaiter, or `npm run mock`. */
const target = process.env.TIDEWAITER_URL ?? 'http://127.0.0.1:8765';
const proxy = Object.fromEntries(
  ['/api', '/healthz', '/readyz', '/metrics'].map((path) => [path, { target }]),
);

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
    proxy,
  },
  // What was built, under the policy it is served with.
  preview: {
    host: '127.0.0.1',
    port: 4173,
    proxy,
    headers: { 'content-security-policy': "default-src 'self'; base-uri 'none'; frame-ancestors 'none'" },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
