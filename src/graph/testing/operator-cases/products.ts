/** Random cases of matrix products. Test support; not part of the package. */

import fc from 'fast-check';
import type { GraphBuilder } from '../../builder.ts';
import type { OpAttributes, OpKind } from '../../ops.ts';
import type { Value } from '../../types.ts';
import {
  broadcastable,
  type Cases,
  fixedDim,
  floats,
  matrixDim,
  nonEmptyDim,
  positive,
  seed,
  shapes,
} from '../arbitraries.ts';
import { type Random, randomTensor, seeded } from '../compare.ts';

/** Packs random block-quantized weights as constants; MatMulNBits takes them only so. */
function blockProduct(
  b: GraphBuilder,
  x: Value,
  attributes: OpAttributes['blockMatmul'],
  random: Random,
): Value {
  const { bits, blockSize, k, n } = attributes;
  const blocks = k / blockSize;
  const packed = randomTensor('uint8', [n, blocks, (blockSize * bits) / 8], random, (r) =>
    Math.floor(r() * 256),
  );
  const scales = randomTensor('float32', [n * blocks], random, (r) => (0.5 + r()) / 2 ** bits);
  return b.blockMatmul(x, b.constant(packed), b.constant(scales), attributes);
}

export const products = {
  matmul: fc
    .record({
      leads: broadcastable(2, nonEmptyDim, 2),
      transposes: fc.constantFrom([false, false], [true, false], [false, true], [true, true]),
      m: matrixDim,
      k: matrixDim,
      n: matrixDim,
      scale: fc.constantFrom(1, 0.125, 0.1),
      dtype: floats,
      seed,
    })
    .map(({ leads: [leadA, leadB], transposes: [transposeA, transposeB], m, k, n, scale, dtype, seed }) => {
      // `Program.run` refuses an empty inner size beside a transposed operand, see onnx/kernel-limits.ts.
      const inner = k === 'slots' && (transposeA || transposeB) ? 'rows' : k;
      // The kernels get the batch of an empty product wrong when one operand's batch is broadcast.
      const leadOfB = [m, k, n].includes('slots') ? leadA : leadB;
      return {
        inputs: [
          { dtype, shape: [...leadA, ...(transposeA ? [inner, m] : [m, inner])] },
          { dtype, shape: [...leadOfB, ...(transposeB ? [n, inner] : [inner, n])] },
        ],
        apply: (b, [x, y]) => [b.matmul(x, y, { transposeA, transposeB, scale })],
        absolute: 1e-4,
        seed,
      };
    }),
  quantizeRows: fc
    .record({ before: shapes(1, 3), width: fc.constantFrom(1, 3, 16, 65), seed })
    .map(({ before, width, seed }) => ({
      inputs: [{ dtype: 'float32', shape: [...before, width] }],
      apply: (b, [x]) => b.quantizeRows(x),
      seed,
    })),
  quantizedMatmul: fc
    .record({ before: shapes(1, 3), k: fc.constantFrom(1, 3, 16, 65), n: fc.constantFrom(1, 5, 33), seed })
    .map(({ before, k, n, seed }) => ({
      inputs: [
        { dtype: 'uint8', shape: [...before, k], element: (random) => Math.floor(random() * 256) },
        { dtype: 'float32', shape: [...before, 1], element: positive },
      ],
      apply: (b, [q, rowScale]) => {
        const random = seeded(seed);
        const w = randomTensor('int8', [k, n], random, (r) => Math.floor(r() * 255) - 127);
        return [
          b.quantizedMatmul(
            q,
            rowScale,
            b.constant(w),
            b.constant(randomTensor('float32', [n], random, positive)),
          ),
        ];
      },
      seed,
    })),
  blockMatmul: fc
    .record({
      before: shapes(1, 2),
      bits: fc.constantFrom<4 | 8>(4, 8),
      blockSize: fc.constantFrom(16, 32),
      blocks: fixedDim,
      n: fc.constantFrom(1, 5, 17),
      seed,
    })
    .map(({ before, bits, blockSize, blocks, n, seed }) => ({
      inputs: [
        { dtype: 'float32', shape: [...before, blockSize * blocks], element: (random) => random() * 2 - 1 },
      ],
      apply: (b, [x]) => [blockProduct(b, x, { bits, blockSize, k: blockSize * blocks, n }, seeded(seed))],
      // The kernel rounds activations to 1/127 of their block's largest; weights are below 0.75.
      absolute: ((blockSize * blocks) / 254) * 0.75,
      seed,
    })),
} satisfies Partial<Record<OpKind, Cases>>;
