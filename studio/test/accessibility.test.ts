/** Each page with axe, in both themes and widths; and the weight of the first one. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import type { AxeResults } from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { studioFile } from '../../src/serve/studio-files.ts';
import { openStudio, type Studio } from './pages.ts';

let studio: Studio;
beforeAll(async () => {
  studio = await openStudio();
});
afterAll(() => studio?.close());

it('sends less than 200 kB before a model is asked for', async () => {
  const { page, open } = studio;
  await open('');
  await page.locator('.entry').first().waitFor();
  const urls = await page.evaluate(async () => {
    await document.fonts.ready;
    return performance.getEntriesByType('resource').map(({ name }) => name);
  });
  const paths = ['/', ...urls.map((url) => new URL(url).pathname)];
  const sizes = await Promise.all(
    paths.map(async (path) => {
      const file = studioFile(path);
      if (!file) return 0;
      const body = await readFile(file.path);
      return file.type.startsWith('font') ? body.length : gzipSync(body).length;
    }),
  );
  expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(3);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200_000);
});

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const addresses = ['papers', 'papers/localleap', 'papers/medusa', 'run', 'compare', 'results', 'changes'];

describe.each([
  ['light', 1280],
  ['dark', 390],
] as const)('%s, %i pixels wide', (colorScheme, width) => {
  it.each(addresses)('%s has no serious fault, and nothing hangs over the edge', async (address) => {
    const { page, open, problems } = studio;
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 844 });
    await open(address);
    await page.locator('main h1').waitFor();
    if (/localleap|results/.test(address)) await page.locator('.chart svg').first().waitFor();
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<AxeResults> } };
      const { violations } = await axe.run();
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    });
    expect(found).toEqual([]);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(over).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });
});
