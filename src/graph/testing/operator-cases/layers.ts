/** Random cases of layers that have kernels of their own. Test support; not part of the package. */

import fc from 'fast-check';
import type { OpKind } from '../../ops.ts';
import { type Cases, dim, fixedDim, floats, seed, shapes } from '../arbitraries.ts';

export const layers = {
  rmsNorm: fc
    .record({ before: shapes(1, 3), width: fc.constantFrom(1, 3, 16, 65), dtype: floats, seed })
    .map(({ before, width, dtype, seed }) => ({
      inputs: [
        { dtype, shape: [...before, width] },
        { dtype, shape: [width] },
      ],
      apply: (b, [x, weight]) => [b.rmsNorm(x, weight, 1e-5)],
      seed,
    })),
  rotary: fc
    .record({
      batch: dim,
      rows: dim,
      heads: fixedDim,
      half: fc.constantFrom(1, 4, 32),
      seed,
    })
    .map(({ batch, rows, heads, half, seed }) => ({
      inputs: [
        { dtype: 'float32', shape: [batch, rows, heads * 2 * half] },
        { dtype: 'int64', shape: [batch, rows], element: (random) => Math.floor(random() * 11) },
        { dtype: 'float32', shape: [11, half] },
        { dtype: 'float32', shape: [11, half] },
      ],
      apply: (b, [x, positions, cos, sin]) => [b.rotary(x, positions, cos, sin)],
      absolute: 1e-5,
      seed,
    })),
} satisfies Partial<Record<OpKind, Cases>>;
