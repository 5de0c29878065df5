/** Reference evaluation of layers that have kernels of their own, in float64 until the result is stored. */

import type { EvaluationRules } from '../ops.ts';
import type { Tensor } from '../types.ts';
import { around, fromNumbers, numbersOf } from './indexing.ts';

/** Applies `f` to each row of the last axis. */
function mapRows(x: Tensor, f: (row: Float64Array) => Float64Array): Tensor {
  const numbers = Float64Array.from(numbersOf(x));
  const { outer: rows, size } = around(x.shape, x.shape.length - 1);
  const out = new Float64Array(numbers.length);
  for (let row = 0; row < rows; row++) out.set(f(numbers.subarray(row * size, (row + 1) * size)), row * size);
  return fromNumbers(x.dtype, x.shape, out);
}

export const layers = {
  softmax: ([x]) => [
    mapRows(x, (row) => {
      const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
      const weights = row.map((value) => Math.exp(value - largest));
      const total = weights.reduce((a, b) => a + b, 0);
      return weights.map((weight) => weight / total);
    }),
  ],
  logSoftmax: ([x]) => [
    mapRows(x, (row) => {
      const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
      const total = row.reduce((sum, value) => sum + Math.exp(value - largest), 0);
      return row.map((value) => value - largest - Math.log(total));
    }),
  ],
  rmsNorm: ([x, weight], { epsilon }) => {
    const weights = numbersOf(weight);
    // ONNX keeps epsilon as a float32 attribute.
    const floor = Math.fround(epsilon);
    return [
      mapRows(x, (row) => {
        const meanSquare = row.reduce((sum, value) => sum + value * value, 0) / row.length;
        return row.map((value, i) => (value / Math.sqrt(meanSquare + floor)) * weights[i]);
      }),
    ];
  },
  rotary: ([x, positions, cos, sin]) => {
    const width = x.shape[2];
    const [tableRows, half] = cos.shape;
    const [numbers, at, cosines, sines] = [x, positions, cos, sin].map(numbersOf);
    const out = new Float64Array(numbers.length);
    for (let row = 0; row < at.length; row++) {
      if (at[row] < 0 || at[row] >= tableRows)
        throw new Error(`rotary: no position ${at[row]} of ${tableRows}`);
      for (let head = 0; head < width / (2 * half); head++) {
        for (let i = 0; i < half; i++) {
          const first = row * width + head * 2 * half + i;
          const second = first + half;
          const [c, s] = [cosines[at[row] * half + i], sines[at[row] * half + i]];
          out[first] = numbers[first] * c - numbers[second] * s;
          out[second] = numbers[first] * s + numbers[second] * c;
        }
      }
    }
    return [fromNumbers(x.dtype, x.shape, out)];
  },
} satisfies Partial<EvaluationRules>;
