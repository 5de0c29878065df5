/** Gradients of elementwise operators. Where a derivative does not exist the rule names the side it takes. */

import type { GraphBuilder } from '../builder.ts';
import type { GradientRule, GradientRules } from '../ops.ts';
import { tensor, type Value } from '../types.ts';
import { sumTo } from './shape.ts';

/** A scalar of the element type of `like`. */
export function scalarLike(b: GraphBuilder, x: number, like: Value): Value {
  return like.dtype === 'float64' ? b.constant(tensor('float64', [], Float64Array.of(x))) : b.scalar(x);
}

type Unary = 'neg' | 'abs' | 'exp' | 'log' | 'sqrt' | 'reciprocal' | 'sigmoid' | 'silu' | 'tanh';

/** A rule from the derivative as a function of gradient g, input x and output y. */
function unary<K extends Unary>(
  derivative: (b: GraphBuilder, g: Value, x: Value, y: Value) => Value,
): GradientRule<K> {
  return (b, { inputs: [x], outputs: [y], gradients: [g] }) => [derivative(b, g!, x, y)];
}

const noGradient = () => [undefined, undefined, undefined];

export const elementwise = {
  neg: unary((b, g) => b.neg(g)),
  // 0 at 0, as PyTorch has it.
  abs: unary((b, g, x) => {
    const zero = scalarLike(b, 0, x);
    return b.where(b.less(x, zero), b.neg(g), b.where(b.less(zero, x), g, zero));
  }),
  exp: unary((b, g, _, y) => b.mul(g, y)),
  log: unary((b, g, x) => b.div(g, x)),
  sqrt: unary((b, g, x, y) => b.div(b.mul(g, scalarLike(b, 0.5, x)), y)),
  reciprocal: unary((b, g, _, y) => b.neg(b.mul(g, b.mul(y, y)))),
  sigmoid: unary((b, g, _, y) => b.mul(g, b.sub(y, b.mul(y, y)))),
  // With s = sigmoid(x), which the runtime merges with that of the forward program:  g s (1 + x - y). Through the
  // product x s it would take two passes more over what is the widest value of a model.
  silu: unary((b, g, x, y) => b.mul(b.mul(g, b.sigmoid(x)), b.add(b.sub(x, y), scalarLike(b, 1, x)))),
  tanh: unary((b, g, _, y) => b.sub(g, b.mul(g, b.mul(y, y)))),
  // Constant almost everywhere.
  round: noGradient,
  cast: (b, { inputs: [x], gradients: [g] }) => [
    x.dtype.startsWith('float') ? b.cast(g!, x.dtype) : undefined,
  ],
  add: (b, { inputs: [x, y], gradients: [g] }) => [sumTo(b, g!, x.shape), sumTo(b, g!, y.shape)],
  sub: (b, { inputs: [x, y], gradients: [g] }) => [sumTo(b, g!, x.shape), b.neg(sumTo(b, g!, y.shape))],
  mul: (b, { inputs: [x, y], gradients: [g] }) => [
    sumTo(b, b.mul(g!, y), x.shape),
    sumTo(b, b.mul(g!, x), y.shape),
  ],
  div: (b, { inputs: [x, y], outputs: [quotient], gradients: [g] }) => {
    const ofNumerator = b.div(g!, y);
    return [sumTo(b, ofNumerator, x.shape), b.neg(sumTo(b, b.mul(ofNumerator, quotient), y.shape))];
  },
  // The first operand on ties.
  maximum: (b, { inputs: [x, y], gradients: [g] }) => {
    const second = b.less(x, y);
    const zero = scalarLike(b, 0, g!);
    return [sumTo(b, b.where(second, zero, g!), x.shape), sumTo(b, b.where(second, g!, zero), y.shape)];
  },
  less: noGradient,
  equal: noGradient,
  where: (b, { inputs: [condition, x, y], gradients: [g] }) => {
    const zero = scalarLike(b, 0, g!);
    return [
      undefined,
      sumTo(b, b.where(condition, g!, zero), x.shape),
      sumTo(b, b.where(condition, zero, g!), y.shape),
    ];
  },
} satisfies Partial<GradientRules>;
