/** Random cases of reductions and of the softmax family. Test support; not part of the package. */

import fc from 'fast-check';
import type { OpKind } from '../../ops.ts';
import type { DType } from '../../types.ts';
import { anyType, type Cases, dim, floats, nonEmptyDim, numbers, seed, shapes } from '../arbitraries.ts';
import type { Random } from '../compare.ts';

const fewIntegers = (random: Random) => Math.floor(random() * 4);

function reduction(
  op: 'reduceSum' | 'reduceMax' | 'reduceMean',
  dtypes: fc.Arbitrary<DType>,
  reduced = dim,
): Cases {
  const axis = fc.record({ size: dim, reducedSize: reduced, isReduced: fc.boolean() });
  return fc
    .record({
      axes: fc.array(axis, { minLength: 1, maxLength: 4 }),
      keepDims: fc.boolean(),
      dtype: dtypes,
      seed,
    })
    .map(({ axes, keepDims, dtype, seed }) => ({
      inputs: [{ dtype, shape: axes.map((a) => (a.isReduced ? a.reducedSize : a.size)) }],
      apply: (b, [x]) => [
        b[op](
          x,
          axes.flatMap((a, i) => (a.isReduced ? [i] : [])),
          keepDims,
        ),
      ],
      absolute: 1e-5,
      seed,
    }));
}

export const reductions = {
  reduceSum: reduction('reduceSum', fc.constantFrom<DType>('float32', 'float64', 'int32', 'int64')),
  reduceMax: reduction('reduceMax', anyType, nonEmptyDim),
  reduceMean: reduction('reduceMean', floats, nonEmptyDim),
  argMax: fc
    .record({
      before: shapes(0, 2),
      size: nonEmptyDim,
      after: shapes(0, 2),
      keepDims: fc.boolean(),
      dtype: numbers,
      seed,
    })
    .map(({ before, size, after, keepDims, dtype, seed }) => ({
      inputs: [{ dtype, shape: [...before, size, ...after], element: fewIntegers }],
      apply: (b, [x]) => [b.argMax(x, before.length, keepDims)],
      seed,
    })),
  topK: fc
    .record({
      // Kernels fail on zero rows, which `Program.run` refuses.
      before: shapes(0, 2, nonEmptyDim),
      size: fc.constantFrom(5, 40),
      k: fc.integer({ min: 1, max: 5 }),
      dtype: numbers,
      seed,
    })
    .map(({ before, size, k, dtype, seed }) => ({
      inputs: [{ dtype, shape: [...before, size], element: fewIntegers }],
      apply: (b, [x]) => b.topK(x, k),
      seed,
    })),
  softmax: fc.record({ shape: shapes(1), dtype: floats, seed }).map(({ shape, dtype, seed }) => ({
    inputs: [{ dtype, shape }],
    apply: (b, [x]) => [b.softmax(x)],
    seed,
  })),
  logSoftmax: fc.record({ shape: shapes(1), dtype: floats, seed }).map(({ shape, dtype, seed }) => ({
    inputs: [{ dtype, shape }],
    apply: (b, [x]) => [b.logSoftmax(x)],
    seed,
  })),
} satisfies Partial<Record<OpKind, Cases>>;
