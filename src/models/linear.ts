/**
 * Weight matrices in the three formats the engine computes with.
 * - 'fp32': the checkpoint's values; the reference.
 * - 'w8a8': int8 weights per output column, uint8 activations per row, exact integer products. A row's result
 *   never depends on its neighbours, and many rows cost little: verification, prefill and diffusion want this.
 * - 'w4': 4-bit blocks of 32 (MatMulNBits): the smallest, for single rows of memory-bound models.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import { float32, tensor, type Value } from '../graph/types.ts';
import { quantizeBlocks4, quantizeRowsInt8 } from '../weights/requantize.ts';

export const precisions = ['fp32', 'w8a8', 'w4'] as const;
export type Precision = (typeof precisions)[number];

/** y [.., out] = x [.., in] · Wᵀ */
export type Linear = (x: Value) => Value;

const blockSize = 32;

/** [rows, columns] to [columns, rows], in tiles that fit the first-level cache. */
export function transposeInto<T extends Int8Array | Float32Array>(
  source: T,
  rows: number,
  columns: number,
  out: T,
): T {
  const tile = 64;
  for (let r0 = 0; r0 < rows; r0 += tile) {
    const r1 = Math.min(rows, r0 + tile);
    for (let c0 = 0; c0 < columns; c0 += tile) {
      const c1 = Math.min(columns, c0 + tile);
      for (let c = c0; c < c1; c++) for (let r = r0; r < r1; r++) out[c * rows + r] = source[r * columns + c];
    }
  }
  return out;
}

/** A weight matrix `[out, in]` placed in the program in the given format. */
export function linear(
  b: GraphBuilder,
  weight: Float32Array,
  out: number,
  inner: number,
  precision: Precision,
): Linear {
  if (precision === 'w8a8') {
    const { values, scales } = quantizeRowsInt8(weight, out, inner);
    const columns = transposeInto(values, out, inner, new Int8Array(values.length));
    const w = b.constant(tensor('int8', [inner, out], columns));
    const columnScale = b.constant(float32([out], scales));
    return (x) => {
      const [q, rowScale] = b.quantizeRows(x);
      return b.quantizedMatmul(q, rowScale, w, columnScale);
    };
  }
  if (precision === 'w4' && inner % blockSize === 0) {
    const { packed, scales } = quantizeBlocks4(weight, out, inner, blockSize);
    const blocks = inner / blockSize;
    const w = b.constant(tensor('uint8', [out, blocks, blockSize / 2], packed));
    const blockScales = b.constant(float32([out * blocks], scales));
    return (x) => b.blockMatmul(x, w, blockScales, { bits: 4, blockSize, k: inner, n: out });
  }
  const columns = transposeInto(weight, out, inner, new Float32Array(weight.length));
  const w = b.constant(tensor('float32', [inner, out], columns));
  return (x) => b.matmul(x, w);
}

/**
 * The embedding table `[vocab, hidden]`, stored once, as lookup and, when the checkpoint ties them, output head.
 * A w8a8 table is kept as the head's int8 columns; a lookup gathers a column and scales it.
 */
export function tiedEmbedding(
  b: GraphBuilder,
  table: Float32Array,
  vocab: number,
  hidden: number,
  precision: Precision,
): { lookup: (ids: Value) => Value; head: Linear } {
  if (precision === 'w8a8') {
    const { values, scales } = quantizeRowsInt8(table, vocab, hidden);
    const columns = b.constant(
      tensor('int8', [hidden, vocab], transposeInto(values, vocab, hidden, new Int8Array(values.length))),
    );
    const columnScale = b.constant(float32([vocab], scales));
    return {
      lookup: (ids) => {
        const axes = ids.shape.map((_, axis) => axis + 1);
        const picked = b.cast(b.transpose(b.gather(columns, ids, 1), [...axes, 0]), 'float32');
        return b.mul(picked, b.reshape(b.gather(columnScale, ids), [...ids.shape, 1]));
      },
      head: (x) => {
        const [q, rowScale] = b.quantizeRows(x);
        return b.quantizedMatmul(q, rowScale, columns, columnScale);
      },
    };
  }
  const rows = b.constant(float32([vocab, hidden], table));
  return {
    lookup: (ids) => b.gather(rows, ids),
    head:
      precision === 'fp32'
        ? (x) => b.matmul(x, rows, { transposeB: true })
        : linear(b, table, vocab, hidden, precision),
  };
}
