/** Rows of numbers, as draft heads take them. */

import { dequantizeRowsInt8, quantizeRowsInt8, type RowsInt8 } from '../../weights/requantize.ts';

/** Rows of equal length, each divided by its root mean square; rows of zeros stay such. */
export function unitRows(rows: Float32Array, width: number): Float32Array {
  const out = rows.slice();
  for (let start = 0; start < out.length; start += width) {
    const row = out.subarray(start, start + width);
    let squares = 0;
    for (const value of row) squares += value * value;
    const scale = 1 / Math.sqrt(squares / width || 1);
    for (let i = 0; i < width; i++) row[i] *= scale;
  }
  return out;
}

/** Embeddings of a whole vocabulary in 8 bits, looked up row by row. */
export class EmbeddingRows {
  readonly width: number;
  readonly #table: RowsInt8;

  /** @param table [vocab, width] */
  constructor(table: Float32Array, width: number) {
    this.width = width;
    this.#table = quantizeRowsInt8(table, table.length / width, width);
  }

  /** Of these tokens [tokens, width], each with a root mean square of 1. */
  of(tokens: readonly number[]): Float32Array {
    const { width } = this;
    const { values, scales } = this.#table;
    const picked = new Int8Array(tokens.length * width);
    for (const [n, token] of tokens.entries())
      picked.set(values.subarray(token * width, (token + 1) * width), n * width);
    const rows = { values: picked, scales: Float32Array.from(tokens, (token) => scales[token]) };
    return unitRows(dequantizeRowsInt8(rows, tokens.length, width), width);
  }
}
