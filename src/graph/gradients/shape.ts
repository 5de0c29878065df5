/** Helpers of gradient rules: undoing broadcasts and restoring reduced axes. */

import type { GraphBuilder } from '../builder.ts';
import type { Shape, Value } from '../types.ts';

/** The gradient of an operand that was broadcast: `gradient` summed over the axes along which it was repeated. */
export function sumTo(b: GraphBuilder, gradient: Value, shape: Shape): Value {
  const added = gradient.shape.length - shape.length;
  const leading = Array.from({ length: added }, (_, axis) => axis);
  const repeated = shape.flatMap((dim, i) =>
    dim === 1 && gradient.shape[i + added] !== 1 ? [i + added] : [],
  );
  let sum = gradient;
  if (repeated.length > 0) sum = b.reduceSum(sum, repeated);
  return leading.length > 0 ? b.reduceSum(sum, leading, false) : sum;
}

/** A reduction's result with the reduced axes as 1s, so that it broadcasts against the reduction's input. */
export function withReducedAxes(b: GraphBuilder, x: Value, shape: Shape, axes: readonly number[]): Value {
  const kept = shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return x.shape.length === kept.length ? x : b.reshape(x, kept);
}
