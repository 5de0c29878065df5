/** FEATURES.md is what the catalogue says; and the table's lights, counts, order and escapes. */

import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { loadCatalogue } from './catalogue.ts';
import { renderFeatures } from './features.ts';
import { lightOf, type Paper } from './schema.ts';

const papers = await loadCatalogue();
const [first, second, third] = papers;

it('FEATURES.md is up to date (otherwise run: npx tsx tools/features.ts)', async () => {
  const written = await readFile(new URL('../../FEATURES.md', import.meta.url), 'utf8');
  expect(written).toBe(renderFeatures(papers));
});

it('shows each system in one row, whatever order the entries come in', () => {
  const rendered = renderFeatures(papers);
  for (const { slug } of papers) expect(rendered.split(`](papers/${slug}.json)`)).toHaveLength(2);
  expect(renderFeatures(papers.toReversed())).toBe(rendered);
});

it('lights and counts: a published checkpoint is green, a house model yellow', () => {
  const works = { status: 'works', measured: 'Twice as fast as greedy.' } as const;
  const mixed: Paper[] = [
    { ...first, ...works, models: ['house-causal', 'SmolLM2-135M'] },
    { ...second, ...works, models: ['house-causal'] },
    { ...third, models: ['SmolLM2-135M'] },
  ];
  expect(mixed.map(lightOf)).toEqual(['works', 'house', 'planned']);
  const rendered = renderFeatures(mixed);
  expect(rendered).toContain('**3 systems:** 🟢 1 works · 🟡 1 works on a house model · ⚪ 1 planned');
  const rowOf = (slug: string) => rendered.split('\n').find((line) => line.includes(`(papers/${slug}.json)`));
  expect(rowOf(first.slug)).toMatch(/^\| 🟢 .*\| Twice as fast as greedy\. \|$/);
  expect(rowOf(second.slug)).toMatch(/^\| 🟡 /);
  expect(rowOf(third.slug)).toMatch(/^\| ⚪ .*\| {2}\|$/);
});

it('escapes what would break a row', () => {
  const row = renderFeatures([{ ...first, title: 'a | b [c] *d*' }]);
  expect(row).toContain('[a \\| b \\[c\\] \\*d\\*](papers/');
});
