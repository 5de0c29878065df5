/**
 * What each number format costs against the PyTorch logits of the tiny checkpoints: rotations nothing, exact
 * attention sums (weights and values on grids) a quarter of a percent, int8 two to six percent, 4 bits about a third
 * (random weights of tiny layers are the worst case: nothing averages out). The bounds are twice what was measured, so that a wrong scale or a lost sign cannot pass.
 */

import { describe, expect, it } from 'vitest';
import { fixture, golden, goldenNames, type ModelGolden } from '../../test/golden/models/golden.ts';
import type { LlamaOptions } from './llama.ts';
import { loadTiny, logitsOf } from './testing/tiny.ts';

/** Square root of the mean of the squares of the differences, relative to the same of the expected logits. */
async function relativeError(name: string, options: LlamaOptions): Promise<number> {
  const { ids, logits } = golden<ModelGolden>(`${name}/pytorch`);
  const model = await loadTiny(fixture(name), options);
  const rows = await logitsOf(model, ids, 40);
  await model[Symbol.asyncDispose]();
  const actual = logits.positions.flatMap((position) => Array.from(rows[position]));
  const expected = logits.values.flat();
  return Math.hypot(...actual.map((x, i) => x - expected[i])) / Math.hypot(...expected);
}

describe.each(goldenNames)('relative error of the logits of %s', (name) => {
  it.each([
    { precision: 'fp32', rotate: true, bound: 1e-5 },
    { precision: 'fp32', exact: true, bound: 0.006 },
    { precision: 'w8a8', rotate: false, bound: 0.12 },
    { precision: 'w8a8', bound: 0.1 },
    { precision: 'w4', bound: 0.8 },
  ] as const)('%o', async ({ bound, ...options }) => {
    expect(await relativeError(name, options)).toBeLessThan(bound);
  });
});
