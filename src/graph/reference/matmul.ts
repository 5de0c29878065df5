/** Reference evaluation of matrix products: leading dimensions broadcast, sums accumulate in float64. */

import type { EvaluationRules } from '../ops.ts';
import { sizeOf, type Tensor } from '../types.ts';
import { broadcastIndices, broadcastSizes, fromNumbers, numbersOf } from './indexing.ts';

/** The last two axes of `x` as a stack of matrices, read through an optional transposition. */
function matrices(x: Tensor, transposed: boolean) {
  const [height, width] = x.shape.slice(-2);
  const numbers = numbersOf(x);
  return {
    lead: x.shape.slice(0, -2),
    rows: transposed ? width : height,
    columns: transposed ? height : width,
    at: (batch: number, row: number, column: number) =>
      numbers[batch * height * width + (transposed ? column * width + row : row * width + column)],
  };
}

export const matrixProducts = {
  matmul: ([left, right], { transposeA, transposeB, scale }) => {
    const a = matrices(left, transposeA);
    const b = matrices(right, transposeB);
    const lead = broadcastSizes(a.lead, b.lead);
    const [batchOfA, batchOfB] = [broadcastIndices(a.lead, lead), broadcastIndices(b.lead, lead)];
    // ONNX keeps the scale as a float32 attribute.
    const alpha = Math.fround(scale);
    const out = new Float64Array(sizeOf(lead) * a.rows * b.columns);
    let index = 0;
    for (let batch = 0; batch < sizeOf(lead); batch++) {
      for (let row = 0; row < a.rows; row++) {
        for (let column = 0; column < b.columns; column++) {
          let sum = 0;
          for (let k = 0; k < a.columns; k++)
            sum += a.at(batchOfA[batch], row, k) * b.at(batchOfB[batch], k, column);
          out[index++] = alpha * sum;
        }
      }
    }
    return [fromNumbers(left.dtype, [...lead, a.rows, b.columns], out)];
  },
} satisfies Partial<EvaluationRules>;
