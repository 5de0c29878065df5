/** Ranking on three made-up entries, where each field is under control, and properties on the shipped catalogue. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadCatalogue, searchCatalogue } from './catalogue.ts';

const papers = await loadCatalogue();
const slugsOf = (words: string) => searchCatalogue(papers, words).map((paper) => paper.slug);

describe('searchCatalogue', () => {
  const blank = { ...papers[0], title: 'T', slug: 's', family: 'audio' as const, summary: 'Nothing here.' };
  const inSummary = { ...blank, summary: 'A theory of trees.' };
  const inFamily = { ...blank, family: 'theory' as const };
  const inSlug = { ...blank, slug: 'theory-one' };
  const inTitle = { ...blank, title: 'A Theory' };

  it('ranks title over slug over family over summary', () => {
    const found = searchCatalogue([blank, inSummary, inFamily, inSlug, inTitle], 'theory');
    expect(found).toEqual([inTitle, inSlug, inFamily, inSummary]);
  });

  it('ranks whole words over beginnings, but never over a better field', () => {
    const beginning = { ...blank, title: 'Theorybook' };
    expect(searchCatalogue([beginning, inSlug, inTitle], 'theory')).toEqual([inTitle, beginning, inSlug]);
  });

  it('keeps the given order among equals and returns everything for no words', () => {
    const [a, b] = [{ ...inTitle }, { ...inTitle }];
    expect(searchCatalogue([a, b], 'theory')[0]).toBe(a);
    expect(searchCatalogue([b, a], 'theory')[0]).toBe(b);
    expect(searchCatalogue(papers, ' - ')).toEqual(papers);
  });

  it('needs all words, each as the beginning of a word', () => {
    expect(searchCatalogue([inSummary, inTitle], 'tree theo')).toEqual([inSummary]);
    expect(searchCatalogue([inSummary, inTitle], 'heory')).toEqual([]);
  });

  it('ignores case, accents and punctuation', () => {
    expect(searchCatalogue([{ ...blank, title: 'Fréchet-Distance' }], 'FRECHET distance')).toHaveLength(1);
  });

  it.each([
    ['medusa', 'medusa'],
    ['MEDUSA heads', 'medusa'],
    ['system 1.5', 'system-1.5'],
    ['diffusion know the answer', 'prophet'],
    ['knowledge graph facts', 'decoding-on-graphs'],
    ['ASAp', 'grammar-aligned-decoding'],
    ['autocomplete drafts', 'superposed-decoding'],
    ['vehicles fleet', 'camp'],
  ])('finds %s first in the catalogue', (words, slug) => {
    expect(slugsOf(words)[0]).toBe(slug);
  });

  it('lists the other systems that name Medusa after Medusa itself', () => {
    expect(slugsOf('medusa')).toEqual(['medusa', 'clover']);
  });

  it('finds less with every added word, in whatever order they come', () => {
    const vocabulary = [...new Set(papers.flatMap((paper) => paper.summary.split(/\W+/)))].filter(Boolean);
    const word = fc.constantFrom(...vocabulary);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 3 }), word, (query, extra) => {
        const before = slugsOf(query.join(' '));
        const after = slugsOf([...query, extra].join(' '));
        expect(before).toEqual(expect.arrayContaining(after));
        expect(slugsOf([extra, ...query.toReversed()].join(' '))).toEqual(after);
      }),
    );
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (words) => searchCatalogue(papers, words).length <= 48),
    );
  });
});
