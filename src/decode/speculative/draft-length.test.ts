/** How long drafts are: the best length by its definition, and that the estimate follows what is accepted. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestLength, DraftLength, declaredRowCost, worthwhileNodes } from './draft-length.ts';

const rows = declaredRowCost(undefined);

describe('the best length', () => {
  it('has the most tokens for its cost', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        (acceptance, draft, most, width) => {
          const rate = (levels: number) => {
            // (1 - a^(k+1)) / (1 - a), equation 1 of Leviathan et al.
            const tokens = (1 - acceptance ** (levels + 1)) / (1 - acceptance);
            return tokens / (levels * draft + rows(1 + levels * width));
          };
          const best = bestLength(acceptance, { draft, rows }, most, width);
          for (let levels = 0; levels <= most; levels++)
            expect(rate(levels)).toBeLessThanOrEqual(rate(best) * (1 + 1e-9));
        },
      ),
    );
  });

  it('is none for drafts that cost as much as the model, and all for free ones that are right', () => {
    expect(bestLength(0.9, { draft: 1, rows: () => 1 }, 10)).toBe(0);
    expect(bestLength(0.9, { draft: 0, rows: () => 1 }, 10)).toBe(10);
  });
});

it('a tree has as many nodes as have the most tokens for their cost', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 }),
      fc.double({ min: 0, max: 0.5, noNaN: true }),
      (unsorted, draft) => {
        const values = unsorted.toSorted((a, b) => b - a);
        const rate = (nodes: number) => {
          const tokens = values.slice(0, nodes).reduce((sum, value) => sum + value, 1);
          return tokens / (draft + rows(1 + nodes));
        };
        const best = worthwhileNodes(values, { draft, rows });
        for (let nodes = 0; nodes <= values.length; nodes++)
          expect(rate(nodes)).toBeLessThanOrEqual(rate(best) * (1 + 1e-9));
      },
    ),
  );
});

it.each([
  { cheapRows: false, costs: [1, 1.05, 1.4, 2.2, 3.2] },
  { cheapRows: true, costs: [1, 1.1, 1.2, 1.35, 1.9] },
])('the declared cost of rows goes through what was measured, and never falls ($cheapRows)', (machine) => {
  const cost = declaredRowCost(machine);
  for (const [i, measured] of machine.costs.entries()) expect(cost(2 ** i)).toBeCloseTo(measured, 9);
  for (let count = 1; count < 100; count++) expect(cost(count + 1)).toBeGreaterThan(cost(count));
});

describe('the length of drafts', () => {
  const costs = { draft: 0.1, rows };

  it('approaches the best length for what is accepted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), (each) => {
        const length = new DraftLength(costs, 12);
        for (let step = 0; step < 200; step++) length.observe(each, 12);
        expect(length.acceptance).toBeCloseTo(each / (each + 1), 6);
      }),
    );
  });

  it('drafts again after some steps without, and longer once that is right', () => {
    const length = new DraftLength(costs, 12);
    for (let step = 0; step < 50; step++) length.observe(0, 4);
    const lengths = Array.from({ length: 16 }, () => length.next());
    expect(lengths.filter((levels) => levels === 1)).toHaveLength(2);
    expect(lengths.filter((levels) => levels === 0)).toHaveLength(14);
    for (let step = 0; step < 50; step++) length.observe(1, 1);
    expect(length.next()).toBe(12);
  });
});
