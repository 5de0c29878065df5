/**
 * The page's engine on WebGPU, which Chromium offers without a graphics card by SwiftShader: the tokens are those of wasm.
 * The smallest model, and only when asked for, as a forward takes seconds there:
 *
 *   QUICKSTEP_WEBGPU=1 npx vitest run studio/test/webgpu.test.ts
 */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStudio, type Studio, softwareGpu } from './pages.ts';

const asked = process.env.QUICKSTEP_WEBGPU !== undefined;

let studio: Studio | undefined;
beforeAll(async () => {
  if (asked) studio = await openStudio(softwareGpu);
});
afterAll(() => studio?.close());

/** What a run of a few tokens writes, and where it ran. */
async function answer(
  { page, server }: Studio,
  query: string,
): Promise<{ text: string | null; place: string | null }> {
  await page.goto('about:blank');
  await page.goto(`${server.url}/${query}#/run?method=greedy`);
  await page.getByLabel('Model').selectOption('stories260k');
  await page.getByLabel('Max tokens').fill('4');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('.stage .summary').waitFor();
  const text = await page.locator('.stage .canvas').textContent();
  return { text, place: await page.locator('.after').textContent() };
}

it.skipIf(!asked)('decodes as on wasm', async () => {
  const wasm = await answer(studio!, '?wasm');
  const gpu = await answer(studio!, '');
  expect(wasm.place).toContain('this page, WebAssembly');
  expect(gpu.place).toContain('this page, WebGPU');
  expect(gpu.text).toMatch(/[a-z]/);
  expect(gpu.text).toBe(wasm.text);
  expect(studio!.problems).toEqual([]);
});
