/** Gradients of matrix products. With y = s op(a) op(b):  ∂op(a) = s g op(b)ᵀ,  ∂op(b) = s op(a)ᵀ g. */

import { QuickstepError } from '../../errors.ts';
import type { GraphBuilder } from '../builder.ts';
import type { GradientRule, GradientRules, OpAttributes } from '../ops.ts';
import type { Value } from '../types.ts';
import { productOf } from './layout.ts';
import { sumTo } from './shape.ts';

function frozen<K extends 'quantizeRows' | 'quantizedMatmul' | 'blockMatmul'>(op: K): GradientRule<K> {
  return () => {
    const hint = 'Train the program in fp32; quantize the trained weights.';
    throw new QuickstepError('unsupported', `${op} has no gradient: its weights are integers.`, hint);
  };
}

/**
 * The gradient of a matrix `weight` [k, n] that all rows of `x` [.., k] share: the rows of all batches are one long
 * product, instead of a product for each batch and a sum over them.
 */
function sharedWeightGradient(
  b: GraphBuilder,
  x: Value,
  g: Value,
  transposed: boolean,
  scale: number,
): Value {
  const rows = (value: Value) => b.reshape(value, [productOf(value.shape.slice(0, -1)), value.shape.at(-1)!]);
  const [left, right] = transposed ? [rows(g), rows(x)] : [rows(x), rows(g)];
  return b.matmul(left, right, { transposeA: true, scale });
}

export const products = {
  matmul: (b, { attributes, inputs: [x, y], gradients: [g] }) => {
    const { transposeA, transposeB, scale } = attributes;
    const product = (left: Value, right: Value, options: Partial<OpAttributes['matmul']>) =>
      b.matmul(left, right, { scale, ...options });
    const ofX = transposeA
      ? product(y, g!, { transposeA: transposeB, transposeB: true })
      : product(g!, y, { transposeB: !transposeB });
    const isShared = y.shape.length === 2 && x.shape.length > 2 && !transposeA;
    if (isShared) return [sumTo(b, ofX, x.shape), sharedWeightGradient(b, x, g!, transposeB, scale)];
    const ofY = transposeB
      ? product(g!, x, { transposeA: true, transposeB: transposeA })
      : product(x, g!, { transposeA: !transposeA });
    return [sumTo(b, ofX, x.shape), sumTo(b, ofY, y.shape)];
  },
  quantizeRows: frozen('quantizeRows'),
  quantizedMatmul: frozen('quantizedMatmul'),
  blockMatmul: frozen('blockMatmul'),
} satisfies Partial<GradientRules>;
