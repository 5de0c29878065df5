/** Reference evaluation of elementwise operators: one input, or several broadcast against each other. */

import type { EvaluationRule, EvaluationRules, OpKind } from '../ops.ts';
import type { DType, Tensor } from '../types.ts';
import { broadcastIndices, broadcastSizes, fromNumbers, numbersOf } from './indexing.ts';

/** Nearest integer, halves to the even neighbour. */
export function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const fraction = x - below;
  if (fraction !== 0.5) return fraction < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

function unary<K extends OpKind>(f: (x: number) => number): EvaluationRule<K> {
  return ([x]) => [fromNumbers(x.dtype, x.shape, Float64Array.from(numbersOf(x), f))];
}

/** Applies `f` to inputs broadcast to one shape. */
function broadcast(inputs: readonly Tensor[], dtype: DType, f: (...operands: number[]) => number): Tensor {
  const shape = inputs.map((input) => input.shape).reduce(broadcastSizes);
  const operands = inputs.map((input) => ({
    numbers: numbersOf(input),
    indices: broadcastIndices(input.shape, shape),
  }));
  const count = operands[0].indices.length;
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = f(...operands.map(({ numbers, indices }) => numbers[indices[i]]));
  return fromNumbers(dtype, shape, out);
}

function binary<K extends OpKind>(f: (a: number, b: number) => number): EvaluationRule<K> {
  return (inputs) => [broadcast(inputs, inputs[0].dtype, f)];
}

function comparison<K extends OpKind>(f: (a: number, b: number) => boolean): EvaluationRule<K> {
  return (inputs) => [broadcast(inputs, 'bool', (a, b) => Number(f(a, b)))];
}

export const elementwise = {
  neg: unary((x) => -x),
  abs: unary(Math.abs),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  reciprocal: unary((x) => 1 / x),
  sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  silu: unary((x) => x / (1 + Math.exp(-x))),
  tanh: unary(Math.tanh),
  round: unary(roundHalfToEven),
  cast: ([x], { to }) => {
    const numbers = numbersOf(x);
    // Every number but zero is true, fractions included.
    return [fromNumbers(to, x.shape, to === 'bool' ? Array.from(numbers, (n) => Number(n !== 0)) : numbers)];
  },
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  maximum: binary(Math.max),
  less: comparison((a, b) => a < b),
  equal: comparison((a, b) => a === b),
  where: (inputs) => [broadcast(inputs, inputs[1].dtype, (condition, a, b) => (condition !== 0 ? a : b))],
} satisfies Partial<EvaluationRules>;
