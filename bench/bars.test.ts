import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bars } from './bars.ts';
import { median } from './engines/engine.ts';
import { renderReport } from './report-text.ts';
import { medianOf, resultsFile } from './results.ts';
import { roofline, rooflineStep } from './roofline.ts';
import { asMarkdown, asText, rowRatios, tables } from './table.ts';
import { type Figure, resultsWith } from './testing/sample.ts';

/** Figures that just meet every bar. */
const passing: Figure[] = [
  ['quickstep-w8a8', 'decode', 64, [10]],
  ['quickstep-w8a8', 'decode', 2048, [16]],
  ['llama-cpp-q8', 'decode', 64, [15]],
  ['llama-cpp-q4', 'decode', 64, [10]],
  ['quickstep-w8a8', 'rows', 1, [10]],
  ['quickstep-w8a8', 'rows', 16, [23]],
  ['quickstep-w8a8', 'prefill', 512, [500]],
  ['llama-cpp-q8', 'prefill', 512, [500]],
  ['llama-cpp-q4', 'prefill', 512, [500]],
  ['quickstep-w8a8', 'batch', 1, [100]],
  ['quickstep-w8a8', 'batch', 16, [400]],
];

describe('bars', () => {
  it('hold exactly at their thresholds', () => {
    expect(bars(resultsWith(passing)).map(({ holds }) => holds)).toEqual(Array(7).fill(true));
  });

  it.each([
    ['llama-cpp-q8', 'decode', 64, 14.9, 0],
    ['llama-cpp-q4', 'decode', 64, 9.9, 1],
    ['quickstep-w8a8', 'rows', 16, 23.1, 2],
    ['llama-cpp-q8', 'prefill', 512, 499, 3],
    ['llama-cpp-q4', 'prefill', 512, 499, 4],
    ['quickstep-w8a8', 'decode', 2048, 16.8, 5],
    ['quickstep-w8a8', 'batch', 16, 399, 6],
  ] as const)('%s %s %i at %d misses one bar', (engine, name, size, value, bar) => {
    const figures = passing.map(
      (figure): Figure =>
        figure[0] === engine && figure[1] === name && figure[2] === size
          ? [engine, name, size, [value]]
          : figure,
    );
    const missed = bars(resultsWith(figures)).flatMap(({ holds }, i) => (holds ? [] : [i]));
    expect(missed).toEqual([bar]);
  });

  it('are undecided without the figures they need', () => {
    expect(
      bars(resultsWith([])).every(({ ratio, holds }) => ratio === undefined && holds === undefined),
    ).toBe(true);
  });
});

describe('results', () => {
  it('survive their file', () => {
    const results = resultsWith(passing);
    expect(resultsFile.parse(JSON.parse(JSON.stringify(results)))).toEqual(results);
  });

  it('are refused with an unknown engine or no value', () => {
    const results = resultsWith(passing);
    const [first] = results.measurements;
    for (const wrong of [
      { ...first, engine: 'vllm' },
      { ...first, values: [] },
    ]) {
      expect(resultsFile.safeParse({ ...results, measurements: [wrong] }).success).toBe(false);
    }
  });

  it('take the median over rounds', () => {
    const results = resultsWith([['quickstep-w8a8', 'decode', 64, [9, 1, 5]]]);
    expect(medianOf(results, 'quickstep-w8a8', 'decode', 64)).toBe(5);
    expect(medianOf(results, 'quickstep-w4', 'decode', 64)).toBeUndefined();
  });
});

describe('median', () => {
  it('has as many values below as above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 20 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe('roofline', () => {
  const results = resultsWith([]);

  it('of one row is the reading of weights and cache', () => {
    // 135e6 bytes of weights and 2 · 30 · 3 · 64 · 4 bytes per cached token, at 40 GB/s.
    const milliseconds = rooflineStep(results, 'quickstep-w8a8', { rows: 1, headRows: 1, context: 1000 });
    expect(milliseconds).toBeCloseTo((135e6 + 46_080 * 1000) / 40e6, 6);
  });

  it('of many rows is their arithmetic', () => {
    // 2 · 107e6 · 512 + 2 · 28e6 operations at 290e9, and attention at 130e9.
    const attention = 4 * 30 * 9 * 64 * 512 * 256;
    const expected = (2 * 107e6 * 512 + 2 * 28e6) / 290e6 + attention / 130e6;
    expect(rooflineStep(results, 'quickstep-w8a8', { rows: 512, headRows: 1, context: 0 })).toBeCloseTo(
      expected,
      6,
    );
  });

  it('never falls as rows or context grow', () => {
    const size = fc.integer({ min: 1, max: 2048 });
    fc.assert(
      fc.property(size, size, fc.integer({ min: 0, max: 4096 }), (rows, more, context) => {
        const at = (n: number, c: number) =>
          rooflineStep(results, 'llama-cpp-q8', { rows: n, headRows: n, context: c });
        expect(at(rows + more, context)).toBeGreaterThanOrEqual(at(rows, context));
        expect(at(rows, context + more)).toBeGreaterThanOrEqual(at(rows, context));
      }),
    );
  });

  it('is a rate for batches and nothing for load and memory', () => {
    const rate = (sequences: number) => roofline(results, 'quickstep-w8a8', 'batch', sequences)!;
    expect(rate(4)).toBeGreaterThan(rate(1));
    expect(rate(4)).toBeLessThanOrEqual(4 * rate(1));
    expect(roofline(results, 'quickstep-w8a8', 'load', 0)).toBeUndefined();
  });
});

describe('tables', () => {
  const results = resultsWith([
    ...passing,
    ['quickstep-w8a8', 'memory', 0, [2 ** 30]],
    ['quickstep-w8a8', 'batch', 4, [200, 300, 100]],
  ]);

  it('give the median and the best round, in the unit of the title', () => {
    const byTitle = (word: string) => tables(results).find(({ title }) => title.startsWith(word))!;
    expect(byTitle('Batch').rows.find(([label]) => label === '4 sequences')![1]).toBe('200 (300)');
    expect(byTitle('Memory').rows[0][1]).toBe('1024 (1024)');
    expect(rowRatios(results).rows).toEqual([['16 rows', '2.30x', '', '']]);
  });

  it('have a cell for every column, in text and Markdown', () => {
    for (const table of [...tables(results), rowRatios(results)]) {
      for (const row of table.rows) expect(row).toHaveLength(table.head.length);
      const lines = asText(table).split('\n').slice(1);
      expect(new Set(lines.map((line) => line.length)).size).toBe(1);
      const pipes = asMarkdown(table).split('\n').slice(2);
      expect(new Set(pipes.map((line) => line.split('|').length)).size).toBe(1);
    }
  });
});

describe('the page', () => {
  it('shows verdicts, and says when transformers.js is missing', () => {
    const slow = passing.map(
      (figure): Figure =>
        figure[1] === 'batch' && figure[2] === 16 ? ['quickstep-w8a8', 'batch', 16, [300]] : figure,
    );
    const page = renderReport(resultsWith(slow));
    expect(page.match(/\| pass \|/g)).toHaveLength(6);
    expect(page).toContain('| 3.00x | **miss** |');
    expect(page).not.toContain('machine was busy');
    expect(page).toContain('transformers.js is not in this run');
    const results = resultsWith(slow);
    results.machine.load[0] = 3.2;
    expect(renderReport(results)).toContain('The machine was busy before the run (load average 3.2)');
    const complete = resultsWith([...slow, ['transformers-js-q8', 'load', 0, [1]]]);
    expect(renderReport(complete)).not.toContain('not in this run');
  });
});
