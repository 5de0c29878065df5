/**
 * The pictures of the studio's pages in docs/studio, wide and narrow, with a run, a comparison and a proof on them; and how
 * soon the first page can be used. Needs `npm run build` and a Chromium.
 *
 *   npx tsx tools/studio-pictures.ts
 */

import type { Page } from 'playwright-core';
import { openStudio } from '../studio/test/pages.ts';

const studio = await openStudio();
const { page, open } = studio;

/** Runs what the form says to its end. */
async function pressAndWait(name: string, shown: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.locator(shown).first().waitFor();
}

const pages: Record<string, (page: Page) => Promise<void>> = {
  papers: async () => {
    await open('papers');
    await page.locator('.entry').first().waitFor();
  },
  paper: async () => {
    await open('papers/localleap');
    await page.locator('.chart svg').first().waitFor();
  },
  run: async () => {
    await open('run');
    await page.getByLabel('Max tokens').fill('32');
    await pressAndWait('Run', '.stage .summary');
    for (let back = 0; back < 14; back++) await page.getByRole('button', { name: 'Step back' }).click();
  },
  compare: async () => {
    await open('compare');
    await pressAndWait('Start', '.comparison tbody tr:nth-child(2)');
    await page.locator('.race svg').first().waitFor();
  },
  results: async () => {
    await open('results');
    await page.locator('.chart svg').first().waitFor();
  },
  changes: async () => {
    await open('changes');
    await page.locator('.changes .status').first().waitFor();
  },
};

try {
  await open('papers');
  const usable: number[] = [];
  for (let time = 0; time < 5; time++) {
    await page.reload();
    await page.locator('.entry').first().waitFor();
    usable.push(await page.evaluate(() => performance.now()));
  }
  console.log(`first page usable after ${usable.map((ms) => `${ms.toFixed(0)} ms`).join(', ')}`);
  for (const [width, kind] of [
    [1280, 'desktop'],
    [390, 'phone'],
  ] as const) {
    await page.setViewportSize({ width, height: kind === 'phone' ? 844 : 900 });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    for (const [name, show] of Object.entries(pages)) {
      await page.goto('about:blank');
      await show(page);
      await page.evaluate('document.fonts.ready');
      await page.evaluate('scrollTo(0, 0)');
      // What a run leaves below the fold is the point of its page.
      const fullPage = name === 'run' || name === 'compare';
      await page.screenshot({ path: `docs/studio/${name}-${kind}.png`, fullPage });
      console.log(`docs/studio/${name}-${kind}.png`);
    }
  }
  if (studio.problems.length > 0) throw new Error(studio.problems.join('\n'));
} finally {
  await studio.close();
}
