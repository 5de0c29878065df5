import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrixWeights, modelProducts, productOperations, stepOperations } from './flops.ts';
import { sampleModel } from './testing/sample.ts';

describe('operations of a step', () => {
  it('count every matrix that multiplies rows once', () => {
    // Per layer: q and o 10·10, k and v 10·2, three of 10·20; the head 100·10.
    expect(matrixWeights(sampleModel)).toBe(2 * (2 * 100 + 2 * 20 + 3 * 200) + 1000);
  });

  it('are three forwards of products and attention', () => {
    // 12 rows; each multiplies 2,680 weights and meets 4 rows of 5 heads of 2 in two products of two layers.
    const forward = 12 * (2 * 2680 + 2 * 2 * (2 * 5 * 2 * 4));
    expect(stepOperations(sampleModel, [{ sequences: 3, rows: 4 }])).toBe(3 * forward);
  });

  it('are those of the products, but for attention', () => {
    // Query and output, gate and up, key and value come in pairs; the sample has no key-value sharing here.
    const model = { ...sampleModel, kvHeads: sampleModel.heads };
    const times = { 'query, output': 4, 'gate, up': 2, down: 1, head: 1 / model.layers };
    const rows = 24;
    const products = modelProducts(model, rows).reduce((sum, product) => {
      const name = product.label.split(':')[0] as keyof typeof times;
      return sum + model.layers * times[name] * productOperations(product);
    }, 0);
    expect(products).toBe(3 * 2 * matrixWeights(model) * rows);
  });

  it('add up over batches, and grow faster than rows for one long sequence', () => {
    const size = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(size, size, size, (sequences, rows, factor) => {
        const of = (s: number, r: number) => stepOperations(sampleModel, [{ sequences: s, rows: r }]);
        expect(of(sequences * factor, rows)).toBe(factor * of(sequences, rows));
        expect(of(sequences, rows * factor)).toBeGreaterThanOrEqual(factor * of(sequences, rows));
        const both = [
          { sequences, rows },
          { sequences: factor, rows },
        ];
        expect(stepOperations(sampleModel, both)).toBe(of(sequences, rows) + of(factor, rows));
      }),
    );
  });
});
