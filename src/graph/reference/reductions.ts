/** Reference evaluation of reductions: sums accumulate in float64, ties go to the lowest index. */

import type { EvaluationRules, OpAttributes } from '../ops.ts';
import { sizeOf, type Tensor } from '../types.ts';
import { around, broadcastIndices, fromNumbers, numbersOf } from './indexing.ts';

/** Folds the reduced axes of `x` into `start`; `finish` sees each result and the number of elements behind it. */
function reduce(
  x: Tensor,
  { axes, keepDims }: OpAttributes['reduceSum'],
  start: number,
  fold: (accumulator: number, value: number) => number,
  finish: (accumulator: number, count: number) => number = (accumulator) => accumulator,
): Tensor {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const numbers = numbersOf(x);
  const out = new Float64Array(sizeOf(kept)).fill(start);
  broadcastIndices(kept, x.shape).forEach((target, i) => {
    out[target] = fold(out[target], numbers[i]);
  });
  const count = axes.reduce((product, axis) => product * x.shape[axis], 1);
  const shape = keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
  return fromNumbers(
    x.dtype,
    shape,
    out.map((accumulator) => finish(accumulator, count)),
  );
}

const sum = (a: number, b: number) => a + b;

export const reductions = {
  reduceSum: ([x], attributes) => [reduce(x, attributes, 0, sum)],
  reduceMax: ([x], attributes) => [reduce(x, attributes, -Infinity, Math.max)],
  reduceMean: ([x], attributes) => [reduce(x, attributes, 0, sum, (total, count) => total / count)],
  argMax: ([x], { axis, keepDims }) => {
    const numbers = numbersOf(x);
    const { outer, size, inner } = around(x.shape, axis);
    const out = new Float64Array(outer * inner);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const at = (index: number) => numbers[(o * size + index) * inner + i];
        let best = 0;
        for (let index = 1; index < size; index++) if (at(index) > at(best)) best = index;
        out[o * inner + i] = best;
      }
    }
    const shape = x.shape.flatMap((n, a) => (a !== axis ? [n] : keepDims ? [1] : []));
    return [fromNumbers('int64', shape, out)];
  },
  topK: ([x], { k }) => {
    const numbers = numbersOf(x);
    const { outer: rows, size } = around(x.shape, x.shape.length - 1);
    if (k > size) throw new Error(`topK: cannot take ${k} of ${size}`);
    const values: number[] = [];
    const indices: number[] = [];
    for (let row = 0; row < rows; row++) {
      const order = Array.from({ length: size }, (_, i) => i);
      // The sort is stable, so equal values keep their order.
      order.sort((a, b) => numbers[row * size + b] - numbers[row * size + a]);
      for (const index of order.slice(0, k)) {
        values.push(numbers[row * size + index]);
        indices.push(index);
      }
    }
    const shape = [...x.shape.slice(0, -1), k];
    return [fromNumbers(x.dtype, shape, values), fromNumbers('int64', shape, indices)];
  },
} satisfies Partial<EvaluationRules>;
