/** The catalogue as shipped: complete, valid, in our own words; and the loader's answers to broken folders. */

import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadCatalogue } from './catalogue.ts';
import { families, models, needs, type Paper, phases } from './schema.ts';

const slugs =
  `arbitrage batchllm block-transformer caad camp ccd clover code-var complexity-based-prompting cot2
  credit-decoding deco-g decoding-on-graphs degf devil distilled-decoding-1 distilled-decoding-2 div-se dparallel
  draft-alignment dynamic-logit-fusion eoser-ass-cjgrpo expressive-power-cot freedave generative-fusion-decoding gift
  grammar-aligned-decoding hype latent-upscaler lazyeviction learn2pd localleap magnet medusa music2latent2
  mvp-reranking nosa prophet reasoning-by-superposition recap rectification recycled-attention soft-thinking
  speech-intelligibility step3 stree superposed-decoding system-1.5`.split(/\s+/);

const papers = await loadCatalogue();

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'papers-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const text = (changes: Record<string, unknown>) => JSON.stringify({ ...papers[0], ...changes });

describe('the catalogue', () => {
  it('has an entry for each of the 48 systems and no other', () => {
    expect(slugs).toHaveLength(48);
    expect(papers.map((paper) => paper.slug).sort()).toEqual(slugs);
    expect(new Set(papers.map((paper) => paper.title)).size).toBe(48);
  });

  it('is ordered newest first', () => {
    const dates = papers.map((paper) => paper.date);
    expect(dates).toEqual([...dates].sort().reverse());
    expect(papers[0].slug).toBe('arbitrage');
    expect(papers.at(-1)?.slug).toBe('speech-intelligibility');
  });

  it.each([
    ['family', Object.keys(families), (paper: Paper) => [paper.family]],
    ['phase', Object.keys(phases), (paper: Paper) => paper.phases],
    ['need', Object.keys(needs), (paper: Paper) => paper.needs],
    ['model', Object.keys(models), (paper: Paper) => paper.models],
  ])('uses every %s of the schema', (_field, members, pick) => {
    expect([...new Set<string>(papers.flatMap(pick))].sort()).toEqual([...members].sort());
  });

  it('dates papers within a month of their arXiv number', () => {
    const months = (year: string, month: string) => 12 * Number(year) + Number(month);
    const listed = papers.filter((paper) => paper.url !== undefined);
    expect(listed.length).toBeGreaterThan(20);
    for (const { slug, date, url = '' } of listed) {
      const number = url.slice(-10);
      const gap =
        months(`20${number.slice(0, 2)}`, number.slice(2, 4)) - months(date.slice(0, 4), date.slice(5, 7));
      expect(Math.abs(gap), slug).toBeLessThanOrEqual(1);
    }
  });

  it('summarizes in two to four sentences', () => {
    for (const { slug, summary } of papers) {
      const sentences = summary.match(/[.?!](?= [A-Z]|$)/g) ?? [];
      expect(sentences.length, slug).toBeGreaterThanOrEqual(2);
      expect(sentences.length, slug).toBeLessThanOrEqual(4);
    }
  });

  const abstracts = new URL('../../../shared/seed-papers.txt', import.meta.url);
  // The abstracts are not ours to distribute, so this runs only where the shared folder lies beside the checkout.
  it.skipIf(!existsSync(abstracts))('shares no eight words in a row with the abstracts', () => {
    const known = runsOfEight(readFileSync(abstracts, 'utf8'));
    expect(known.size).toBeGreaterThan(5000);
    for (const { slug, summary } of papers) {
      expect(
        [...runsOfEight(summary)].filter((run) => known.has(run)),
        slug,
      ).toEqual([]);
    }
  });
});

function runsOfEight(prose: string): Set<string> {
  const words = prose.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return new Set(words.slice(7).map((_word, i) => words.slice(i, i + 8).join(' ')));
}

describe('loadCatalogue', () => {
  it('reads entries only, from any folder', async () => {
    const folder = await folderWith({ [`${papers[0].slug}.json`]: text({}), 'README.md': 'not an entry' });
    expect(await loadCatalogue(folder)).toEqual([papers[0]]);
  });

  it('names a missing folder', async () => {
    const folder = join(await folderWith({}), 'absent');
    await expect(loadCatalogue(folder)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(folder),
    });
  });

  it.each([
    ['text that is not JSON', 'x.json', '{', 'is not JSON'],
    ['a file beyond the size limit', 'x.json', ' '.repeat(70_000), '70000 bytes'],
    ['an entry under another name', 'x.json', text({}), 'not its file name'],
    ['an unknown field', 'x.json', text({ colour: 'red' }), 'colour'],
    ['an unknown family', 'x.json', text({ family: 'other' }), 'family'],
    ['an impossible date', 'x.json', text({ date: '2025-13' }), 'date'],
    ['a repeated phase', 'x.json', text({ phases: ['choose', 'choose'] }), 'names an item twice'],
    [
      'authors together with their count',
      'x.json',
      text({ authors: ['Ada'], authorCount: 1 }),
      'either authors',
    ],
    ['no authors at all', 'x.json', text({ authors: undefined, authorCount: undefined }), 'either authors'],
    ['works without a measurement', 'x.json', text({ status: 'works', measured: undefined }), 'measured'],
    ['a link elsewhere', 'x.json', text({ url: 'https://example.org/abs/2401.10774' }), 'arXiv'],
    ['a slug that leaves the folder', 'x.json', text({ slug: '../x' }), 'must be a slug'],
  ])('refuses %s', async (_case, name, content, expected) => {
    await expect(loadCatalogue(await folderWith({ [name]: content }))).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining(expected),
    });
  });
});
