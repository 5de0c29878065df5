/**
 * Float32 weights to the two formats the engine computes with: int8 with one scale a row (integer matmul), and
 * blocks of 4 or 8 bits in the layout of ONNX Runtime's MatMulNBits. Matrices are `[out, in]`, row-major. Rounding
 * is to nearest, ties to even; the inverse functions are the reference the tests and the engine's tests use.
 */

import { QuickstepError } from '../errors.ts';

/** `[out, in]` int8 in -127..127 and one positive scale a row: weight = value * scale. */
export interface RowsInt8 {
  values: Int8Array;
  scales: Float32Array;
}

/**
 * MatMulNBits operands for `blocks = ceil(in / blockSize)` blocks a row; columns past `in` hold zeros.
 * weight = (q - zeroPoint) * scale.
 */
export interface Blocks {
  /** `[out, blocks, blockSize * bits / 8]`; with 4 bits, element 2i is the low nibble of byte i. */
  packed: Uint8Array;
  /** `[out, blocks]`. */
  scales: Float32Array;
  /** `[out, ceil(blocks * bits / 8)]`, packed like `packed`; absent for the symmetric 8 (4 bits) or 128 (8 bits). */
  zeroPoints?: Uint8Array;
}

/** How blocks are quantized. */
export interface BlockOptions {
  /** False stores a zero point a block, for weights that are not centred on zero. Default true. */
  symmetric?: boolean;
}

/** Adding and subtracting 1.5 * 2^52 rounds a double below 2^51 to the nearest integer, ties to even. */
const ROUND = 6755399441055744;

/**
 * Symmetric int8 by row: scale = absmax / 127. A row of zeros gets scale 1.
 * Throws `bad-shape` when `w` is not `out * in_` long and `bad-file` for a weight that is not finite.
 */
export function quantizeRowsInt8(w: Float32Array, out: number, in_: number): RowsInt8 {
  checkMatrix(w, out, in_);
  const values = new Int8Array(out * in_);
  const scales = new Float32Array(out);
  for (let row = 0; row < out; row++) {
    const start = row * in_;
    let absmax = 0;
    for (let i = start; i < start + in_; i++) {
      if (!Number.isFinite(w[i])) throw notFinite(row);
      absmax = Math.max(absmax, Math.abs(w[i]));
    }
    const scale = storedScale(absmax / 127);
    scales[row] = scale;
    for (let i = start; i < start + in_; i++) values[i] = clamp(w[i] / scale + ROUND - ROUND, -127, 127);
  }
  return { values, scales };
}

/** Inverse of `quantizeRowsInt8`: `[out, in]`. */
export function dequantizeRowsInt8({ values, scales }: RowsInt8, out: number, in_: number): Float32Array {
  const w = new Float32Array(out * in_);
  for (let row = 0; row < out; row++) {
    for (let i = row * in_; i < (row + 1) * in_; i++) w[i] = values[i] * scales[row];
  }
  return w;
}

/**
 * 4-bit blocks. Symmetric: the largest magnitude becomes -8, so all 16 levels are used. Asymmetric: the range,
 * widened to contain zero, spans 0..15. Throws like `quantizeRowsInt8`, and `bad-shape` for a `blockSize` that is
 * not a power of two from 16.
 */
export function quantizeBlocks4(
  w: Float32Array,
  out: number,
  in_: number,
  blockSize = 32,
  options: BlockOptions = {},
): Blocks {
  return quantizeBlocks(w, out, in_, blockSize, 4, options);
}

/** 8-bit blocks, zero point 128 unless asymmetric; otherwise as `quantizeBlocks4`. */
export function quantizeBlocks8(
  w: Float32Array,
  out: number,
  in_: number,
  blockSize = 32,
  options: BlockOptions = {},
): Blocks {
  return quantizeBlocks(w, out, in_, blockSize, 8, options);
}

/** Inverse of `quantizeBlocks4` (bits 4) and `quantizeBlocks8` (bits 8): `[out, in]`. */
export function dequantizeBlocks(
  { packed, scales, zeroPoints }: Blocks,
  out: number,
  in_: number,
  blockSize: number,
  bits: 4 | 8,
): Float32Array {
  const blocks = Math.ceil(in_ / blockSize);
  const w = new Float32Array(out * in_);
  for (let row = 0; row < out; row++) {
    for (let i = 0; i < in_; i++) {
      const block = Math.floor(i / blockSize);
      const zero = zeroPoints ? element(zeroPoints, row, block, blocks, bits) : 2 ** (bits - 1);
      const q = element(packed, row, i, blocks * blockSize, bits);
      w[row * in_ + i] = (q - zero) * scales[row * blocks + block];
    }
  }
  return w;
}

function quantizeBlocks(
  w: Float32Array,
  out: number,
  in_: number,
  blockSize: number,
  bits: 4 | 8,
  { symmetric = true }: BlockOptions,
): Blocks {
  checkMatrix(w, out, in_);
  if (blockSize < 16 || !Number.isInteger(Math.log2(blockSize))) {
    throw new QuickstepError(
      'bad-shape',
      `Block size ${blockSize} is not a power of two from 16.`,
      'Use 32.',
    );
  }
  const blocks = Math.ceil(in_ / blockSize);
  const top = 2 ** bits - 1;
  const middle = 2 ** (bits - 1);
  const packed = new Uint8Array((out * blocks * blockSize * bits) / 8);
  const scales = new Float32Array(out * blocks);
  const zeroPoints = symmetric ? undefined : new Uint8Array(out * Math.ceil((blocks * bits) / 8));
  const zeros = new Uint8Array(blocks);
  const q = new Uint8Array(blockSize);

  for (let row = 0; row < out; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * in_ + block * blockSize;
      const end = Math.min(start + blockSize, (row + 1) * in_);
      let low = 0;
      let high = 0;
      for (let i = start; i < end; i++) {
        if (!Number.isFinite(w[i])) throw notFinite(row);
        low = Math.min(low, w[i]);
        high = Math.max(high, w[i]);
      }
      const wanted = symmetric ? (-low > high ? low : high) / -middle : (high - low) / top;
      const scale = storedScale(wanted);
      scales[row * blocks + block] = scale;
      const zero = symmetric ? middle : clamp(-low / scale + ROUND - ROUND, 0, top);
      zeros[block] = zero;
      if (end - start < blockSize) q.fill(zero);
      for (let i = start; i < end; i++) q[i - start] = clamp(w[i] / scale + ROUND - ROUND + zero, 0, top);
      pack(q, bits, packed, ((row * blocks + block) * blockSize * bits) / 8);
    }
    if (zeroPoints) pack(zeros, bits, zeroPoints, (row * zeroPoints.length) / out);
  }
  return zeroPoints ? { packed, scales, zeroPoints } : { packed, scales };
}

/** Element `column` of row `row` in rows of `columns` elements, each row starting on a byte. */
function element(bytes: Uint8Array, row: number, column: number, columns: number, bits: 4 | 8): number {
  if (bits === 8) return bytes[row * columns + column];
  const byte = bytes[row * Math.ceil(columns / 2) + (column >> 1)];
  return column % 2 === 0 ? byte & 15 : byte >> 4;
}

/** Writes `q` from byte `at` on, with 4 bits two elements a byte, low nibble first. */
function pack(q: Uint8Array, bits: 4 | 8, target: Uint8Array, at: number): void {
  if (bits === 8) {
    target.set(q, at);
    return;
  }
  for (let i = 0; i < q.length; i += 2) target[at + i / 2] = q[i] | (i + 1 < q.length ? q[i + 1] << 4 : 0);
}

/** The float32 that weights are restored with; 1 where it would be zero and could not be divided by. */
function storedScale(scale: number): number {
  return Math.fround(scale) || 1;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function checkMatrix(w: Float32Array, out: number, in_: number): void {
  if (w.length !== out * in_) {
    throw new QuickstepError('bad-shape', `${w.length} weights do not make a [${out}, ${in_}] matrix.`);
  }
}

function notFinite(row: number): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `Row ${row} of a weight matrix holds a value that is not finite.`,
    'The checkpoint is damaged; fetch it again.',
  );
}
