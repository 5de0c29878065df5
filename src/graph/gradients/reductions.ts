/** Gradients of reductions and of the softmax family. */

import type { GraphBuilder } from '../builder.ts';
import type { GradientRules } from '../ops.ts';
import type { Value } from '../types.ts';
import { scalarLike } from './elementwise.ts';
import { withReducedAxes } from './shape.ts';

/** 1 / the number of elements behind each result; a symbolic one is counted when the program runs. */
function reciprocalCount(b: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const count = axes.reduce((product, axis) => product * Number(x.shape[axis]), 1);
  if (!Number.isNaN(count)) return scalarLike(b, 1 / count, x);
  return b.reciprocal(b.reduceSum(b.expand(scalarLike(b, 1, x), x.shape), axes));
}

export const reductions = {
  reduceSum: (b, { attributes: { axes }, inputs: [x], gradients: [g] }) => [
    b.expand(withReducedAxes(b, g!, x.shape, axes), x.shape),
  ],
  reduceMean: (b, { attributes: { axes }, inputs: [x], gradients: [g] }) => {
    const share = b.mul(withReducedAxes(b, g!, x.shape, axes), reciprocalCount(b, x, axes));
    return [b.expand(share, x.shape)];
  },
  // Ties share the gradient evenly.
  reduceMax: (b, { attributes: { axes }, inputs: [x], outputs: [y], gradients: [g] }) => {
    const isLargest = b.cast(b.equal(x, withReducedAxes(b, y, x.shape, axes)), x.dtype);
    const share = b.div(withReducedAxes(b, g!, x.shape, axes), b.reduceSum(isLargest, axes));
    return [b.mul(isLargest, share)];
  },
  argMax: () => [undefined],
  topK: (b, { inputs: [x], outputs: [, indices], gradients: [g] }) => [
    g && b.scatterElements(indices, g, x.shape.at(-1)!),
  ],
  // y (g - Σ g y)
  softmax: (b, { outputs: [y], gradients: [g] }) => {
    const weighted = b.mul(g!, y);
    return [b.sub(weighted, b.mul(y, b.reduceSum(weighted, [y.shape.length - 1])))];
  },
  // g - softmax(x) Σ g
  logSoftmax: (b, { inputs: [x], gradients: [g] }) => [
    b.sub(g!, b.mul(b.softmax(x), b.reduceSum(g!, [x.shape.length - 1]))),
  ],
} satisfies Partial<GradientRules>;
