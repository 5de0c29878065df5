/**
 * Reference evaluation of quantized rows and products.
 * `quantizeRows` repeats the float32 roundings of the ONNX emission, so its integers agree exactly.
 * `quantizedMatmul` sums integers exactly. `blockMatmul` multiplies by the dequantized weights in float64; kernels
 * that quantize the activations on the way differ from it by that quantization.
 * Block layout: ONNX Runtime's MatMulNBits, low nibble first, zero point 2^(bits-1).
 */

import type { EvaluationRules } from '../ops.ts';
import { sizeOf, type Tensor, zeros } from '../types.ts';
import { roundHalfToEven } from './elementwise.ts';
import { fromNumbers, numbersOf } from './indexing.ts';

const zeroPoint = 128;
const inverse127 = Math.fround(1 / 127);

function quantizeRows(x: Tensor): [Tensor, Tensor] {
  const width = x.shape.at(-1)!;
  const numbers = numbersOf(x);
  const q = zeros('uint8', x.shape);
  const scales = zeros('float32', [...x.shape.slice(0, -1), 1]);
  for (let row = 0; row < scales.data.length; row++) {
    let largest = 0;
    for (let i = 0; i < width; i++) largest = Math.max(largest, Math.abs(numbers[row * width + i]));
    const scale = Math.fround(largest * inverse127);
    scales.data[row] = scale;
    for (let i = row * width; i < (row + 1) * width; i++) {
      // A row of zeros has scale 0; kernels leave its integers open, here they are zeros.
      q.data[i] = (scale === 0 ? 0 : roundHalfToEven(Math.fround(numbers[i] / scale))) + zeroPoint;
    }
  }
  return [q, scales];
}

/** Weight [column, position] of a block-quantized matrix [n, k/block, block·bits/8], before scaling. */
function blockWeight(packed: ArrayLike<number>, bits: 4 | 8, index: number): number {
  if (bits === 8) return packed[index] - 128;
  const byte = packed[index >> 1];
  return (index % 2 === 0 ? byte & 15 : byte >> 4) - 8;
}

export const quantized = {
  quantizeRows: ([x]) => quantizeRows(x),
  quantizedMatmul: ([q, rowScale, w, columnScale]) => {
    const [k, n] = w.shape;
    const [a, b, rowScales, columnScales] = [q, w, rowScale, columnScale].map(numbersOf);
    const rows = sizeOf(q.shape.slice(0, -1));
    const out = new Float32Array(rows * n);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let i = 0; i < k; i++) sum += (a[row * k + i] - zeroPoint) * b[i * n + column];
        out[row * n + column] = Math.fround(Math.fround(sum) * columnScales[column]) * rowScales[row];
      }
    }
    return [fromNumbers('float32', [...q.shape.slice(0, -1), n], out)];
  },
  blockMatmul: ([x, packed, scale], { bits, blockSize, k, n }) => {
    const [numbers, bytes, scales] = [x, packed, scale].map(numbersOf);
    const rows = sizeOf(x.shape.slice(0, -1));
    const out = new Float64Array(rows * n);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let i = 0; i < k; i++) {
          const index = column * k + i;
          sum +=
            numbers[row * k + i] * blockWeight(bytes, bits, index) * scales[Math.floor(index / blockSize)];
        }
        out[row * n + column] = sum;
      }
    }
    return [fromNumbers('float32', [...x.shape.slice(0, -1), n], out)];
  },
} satisfies Partial<EvaluationRules>;
