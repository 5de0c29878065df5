import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance, nearest } from './suggest.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['seed', 'sede', 1],
    ['kitten', 'sitting', 3],
    ['top-k', 'topk', 1],
  ])('between %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is symmetric, and 0 for equal words only', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});

describe('nearest', () => {
  const known = ['generate', 'compare', 'methods', 'models'];
  it.each([
    ['generat', 'generate'],
    ['gen', 'generate'],
    ['comapre', 'compare'],
    ['METHOD', 'methods'],
    ['xyzzy', undefined],
  ])('of %j is %j', (written, name) => {
    expect(nearest(written, known)).toBe(name);
  });

  it('makes a question of it, or says something else', () => {
    expect(didYouMean('sed', ['seed'], 'No.', '--')).toBe('Did you mean --seed?');
    expect(didYouMean('qqqqqq', ['seed'], 'No.')).toBe('No.');
  });
});
