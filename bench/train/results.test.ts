import { describe, expect, it } from 'vitest';
import { stepOperations } from './flops.ts';
import { headlines, productTable, renderTrainReport, stepTable } from './report-text.ts';
import {
  bestTorch,
  measurementOf,
  peakOf,
  productRates,
  ratesOf,
  rowsOf,
  shareOfOwnProduct,
  speedUp,
  trainResultsFile,
} from './results.ts';
import { sampleModel, type TrainFigure, trainResultsWith } from './testing/sample.ts';
import { firstSequences } from './workload.ts';

const figures: TrainFigure[] = [
  ['quickstep', 'gradients', 'step', [100, 200]],
  ['quickstep', 'adamw', 'step', [110, 220]],
  ['quickstep', 'muon', 'step', [120, 240]],
  ['quickstep', 'gradients', 'small', [10, 20]],
  ['torch-eager', 'gradients', 'step', [150, 600]],
  ['torch-eager', 'adamw', 'step', [330, 440]],
  ['torch-compiled', 'gradients', 'step', [130, 500]],
  ['jax-js', 'gradients', 'small', [100, 100]],
];

describe('ratios', () => {
  const results = trainResultsWith(figures);

  it('are taken within rounds, then their median', () => {
    expect(speedUp(results, 'torch-eager', 'gradients', 'step')).toBe((1.5 + 3) / 2);
    expect(speedUp(results, 'jax-js', 'gradients', 'small')).toBe((10 + 5) / 2);
  });

  it('are undefined for what was not measured', () => {
    expect(speedUp(results, 'torch-eager', 'muon', 'step')).toBeUndefined();
    expect(speedUp(trainResultsWith([]), 'torch-eager', 'adamw', 'step')).toBeUndefined();
  });

  it("compare with PyTorch's fastest configuration", () => {
    expect(bestTorch(results, 'gradients')).toBe('torch-compiled');
    expect(bestTorch(results, 'adamw')).toBe('torch-eager');
    expect(bestTorch(trainResultsWith([]), 'adamw')).toBeUndefined();
  });
});

describe('rates', () => {
  const results = trainResultsWith(figures);
  const ours = measurementOf(results, 'quickstep', 'gradients', 'step')!;

  it('are rows and operations of all batches over the median time', () => {
    const operations = stepOperations(sampleModel, results.batches.step);
    expect(rowsOf(results, 'step')).toBe(24);
    expect(ratesOf(results, ours).rows).toBeCloseTo(24 / 0.15, 9);
    expect(ratesOf(results, ours).operations).toBeCloseTo(operations / 0.15, 3);
  });

  it('are shared with the best peak, and with the own product of the round', () => {
    const operations = stepOperations(sampleModel, results.batches.step);
    expect(peakOf(results)).toBe(2e11);
    // The second round took twice as long on half the peak.
    expect(shareOfOwnProduct(results, ours)).toBeCloseTo(operations / 0.1 / 2e11, 12);
    const torch = measurementOf(results, 'torch-eager', 'adamw', 'step')!;
    const shares = [operations / 0.33 / 1e11, operations / 0.44 / 0.5e11];
    expect(shareOfOwnProduct(results, torch)).toBeCloseTo((shares[0] + shares[1]) / 2, 12);
    const jax = measurementOf(results, 'jax-js', 'gradients', 'small')!;
    expect(shareOfOwnProduct(results, jax)).toBeUndefined();
  });

  it('belong to the products in their order', () => {
    const rates = productRates(results);
    expect(rates.map(({ rate }) => rate)).toEqual(rates.map((_, i) => 1e9 * (i + 1)));
    expect(rates[0].product).toMatchObject({ m: 12, k: 10, n: 10 });
  });
});

describe('the file', () => {
  it('survives', () => {
    const results = trainResultsWith(figures);
    expect(trainResultsFile.parse(JSON.parse(JSON.stringify(results)))).toEqual(results);
  });

  it('is refused with an unknown engine', () => {
    const results = { ...trainResultsWith(figures), missing: { tensorflow: 'not there' } };
    expect(trainResultsFile.safeParse(results).success).toBe(false);
  });
});

describe('tables and page', () => {
  it('have a cell for every column', () => {
    const results = trainResultsWith(figures);
    for (const { head, rows } of [
      stepTable(results, 'step'),
      stepTable(results, 'small'),
      productTable(results),
    ])
      for (const row of rows) expect(row).toHaveLength(head.length);
  });

  it('show ratios, and who is missing and why', () => {
    const results = trainResultsWith(figures);
    results.missing['jax-js-threads'] = 'no workers\nat a line of the stack';
    const page = renderTrainReport(results);
    expect(headlines(results)[0]).toContain('1.90x the speed of PyTorch compiled');
    expect(page).toContain('small batch, forward and backward: 7.5x the speed of jax-js, one thread');
    expect(page).toContain('jax-js with workers is not in this run: no workers\n');
    expect(page).toContain('its best round of square products was 2.0x its worst');
    expect(renderTrainReport(trainResultsWith(figures, [1e11, 1e11]))).not.toContain('unsteady');
    expect(renderTrainReport(trainResultsWith(figures.slice(0, 4)))).not.toContain('**PyTorch**');
  });
});

describe('the small batch', () => {
  it('is the first sequences of the whole one', () => {
    const batch = {
      sequences: 3,
      rows: 2,
      ids: [1, 2, 3, 4, 5, 6],
      targets: [2, 3, 4, 5, 6, 7],
      weights: [0, 1, 0, 1, 0, 1],
    };
    expect(firstSequences(batch, 2)).toEqual({
      sequences: 2,
      rows: 2,
      ids: [1, 2, 3, 4],
      targets: [2, 3, 4, 5],
      weights: [0, 1, 0, 1],
    });
  });
});
