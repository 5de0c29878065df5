/**
 * The built studio in Debian's Chromium, served by `quickstep serve`. After each test there was no error in the console and no request that left the page's origin.
 */

import { readFile } from 'node:fs/promises';
import { parseAtomFeed } from 'feedsmith';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { verdictOf } from '../../src/papers/change-text.ts';
import { loadChanges } from '../../src/papers/changes.ts';
import { openStudio, type Studio } from './pages.ts';

let studio: Studio;
let page: Studio['page'];
const open = (address: string) => studio.open(address);

beforeAll(async () => {
  studio = await openStudio();
  page = studio.page;
});
afterAll(() => studio?.close());
afterEach(() => expect(studio.problems).toEqual([]));

const titles = () => page.locator('.entry h2').allTextContents();
const slider = () => page.getByRole('slider', { name: 'Step' });
const masks = () => page.locator('.stage .token.mask').count();

/** Runs what the form says to its end. */
async function run(): Promise<void> {
  const button = page.getByRole('button', { name: 'Run', exact: true });
  await button.click();
  await expect.poll(() => button.isEnabled(), { timeout: 90_000 }).toBe(true);
  await page.locator('.stage .summary').waitFor();
}

it('finds a paper by words of its summary, filters, and leads to its page', async () => {
  await open('papers');
  expect(await titles()).toHaveLength(48);
  await page.keyboard.press('/');
  await page.keyboard.type('anchors accepts neighbors');
  expect(await titles()).toEqual(['Accelerating Diffusion LLM Inference via Local Determinism Propagation']);
  await page.getByLabel('Status').selectOption('planned');
  expect(await titles()).toEqual([]);
  await page.getByLabel('Status').selectOption('');
  await page.locator('.entry a').click();
  await page.getByRole('heading', { name: 'Its proof here' }).waitFor();
  await page.locator('.chart svg').first().waitFor();
  await page.getByText('One rule on the confidence of one step').waitFor();
  expect(await page.title()).toContain('Local Determinism');
});

it('orders papers by date, newest first', async () => {
  await open('papers');
  await page.getByLabel('Search').fill('');
  const dates = await page
    .locator('.entry time')
    .evaluateAll((times) => times.map((time) => time.getAttribute('datetime')!));
  expect(dates).toHaveLength(48);
  expect(dates).toEqual(dates.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
});

it('tells what has changed, and where to subscribe', async () => {
  await open('changes');
  const [newest] = (await loadChanges()).toReversed();
  expect(await page.locator('.changes .status').first().textContent()).toBe(verdictOf(newest));
  const announced = await page.locator('link[rel=alternate]').getAttribute('href');
  const linked = await page.getByRole('link', { name: 'Atom feed' }).getAttribute('href');
  expect([announced, linked]).toEqual(['feed.xml', 'feed.xml']);
  const { entries } = parseAtomFeed(await (await fetch(`${studio.server.url}/feed.xml`)).text());
  const address = new URL(entries![0].links![0].href!, `${studio.server.url}/feed.xml`);
  await page.goto(address.href);
  await page.getByRole('heading', { name: 'Its proof here' }).waitFor();
});

it('fills the canvas of a diffusion run in this page, and the scrubber goes back', async () => {
  await open('run');
  await page.getByLabel('Max tokens').fill('24');
  await run();
  expect(await masks()).toBe(0);
  expect(await page.locator('.stage .canvas').textContent()).toContain('8*11=88');
  expect(await slider().inputValue()).toBe('24');
  await slider().focus();
  for (let back = 0; back < 20; back++) await page.keyboard.press('ArrowLeft');
  expect(await slider().getAttribute('aria-valuetext')).toBe('after step 4 of 24');
  expect(await masks()).toBe(20);
  await page.getByRole('button', { name: 'First step' }).click();
  expect(await masks()).toBe(24);
});

it('shows the draft tree of a run from left to right', async () => {
  await open('run?method=draft-alignment');
  await run();
  await page.getByRole('button', { name: 'Step back' }).click();
  expect(await page.locator('.tree .node.accepted').count()).toBeGreaterThan(0);
  await page.getByText('Options of Draft model').click();
  await page.getByLabel('Draft tokens').fill('1');
  await run();
  expect(await page.locator('.tree .node').count()).toBeLessThanOrEqual(1);
});

it('stops at once, and can run again', async () => {
  await open('run');
  await run();
  await page.getByLabel('Max tokens').fill('200');
  await page.getByText('Options of Masked diffusion').click();
  // No mask would be left at its end.
  await page.getByLabel('Early stop').selectOption('never');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect.poll(masks, { timeout: 60_000 }).toBeGreaterThan(0);
  await page.keyboard.press('Escape');
  await expect
    .poll(() => page.getByRole('button', { name: 'Run', exact: true }).isEnabled(), { timeout: 20_000 })
    .toBe(true);
  expect(await masks()).toBeGreaterThan(0);
  await page.getByLabel('Max tokens').fill('16');
  await run();
  expect(await masks()).toBe(0);
});

it('compares two methods: other steps, the same text', async () => {
  await open('compare');
  await page.getByRole('button', { name: 'Start' }).click();
  const rows = page.locator('.comparison tbody tr');
  await rows.nth(1).waitFor();
  const cells = await Promise.all([0, 1].map((row) => rows.nth(row).locator('td').allTextContents()));
  expect(cells[0][0]).toBe('32');
  expect(Number(cells[1][0])).toBeLessThan(20);
  expect(cells[1].at(-1)).toBe('the same');
  const answers = await page.locator('.lane .canvas').allTextContents();
  expect(answers[0]).toBe(answers[1]);
  await page.locator('.race svg').first().waitFor();
});

it('saves a run as one file that replays it without a request', async () => {
  await open('run?method=freedave');
  await run();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save as HTML' }).click(),
  ]);
  const file = await download.path();
  const text = await page.locator('.stage .canvas').textContent();
  const saved = await studio.context.newPage();
  const requests: string[] = [];
  saved.on('request', (request) => requests.push(request.url()));
  await saved.setContent(await readFile(file, 'utf8'));
  await saved.locator('.canvas').waitFor();
  expect(await saved.locator('.canvas').textContent()).toBe(text);
  await saved.getByRole('button', { name: 'First step' }).click();
  expect(await saved.locator('.token.mask').count()).toBe(32);
  expect(requests).toEqual([]);
});

it('draws what the server decodes as it draws what the page does', async () => {
  await open('run?method=freedave');
  await run();
  const canvas = page.locator('.stage .canvas');
  const text = await canvas.textContent();
  await page.getByLabel('On the server').check();
  await run();
  expect(await page.locator('.after').textContent()).not.toContain('this page');
  expect(await canvas.textContent()).toBe(text);
  expect(Number(await slider().getAttribute('max'))).toBeLessThan(32);
});

it('goes on in the page when the server is gone after the model was loaded', async () => {
  await open('run?method=freedave');
  await page.getByLabel('In this page').check();
  await run();
  const text = await page.locator('.stage .canvas').textContent();
  await studio.server.close();
  await run();
  expect(await page.locator('.stage .canvas').textContent()).toBe(text);
  await page.getByRole('button', { name: 'JSON extraction' }).click();
  await run();
  expect(await page.locator('.stage .canvas').textContent()).not.toBe(text);
});
