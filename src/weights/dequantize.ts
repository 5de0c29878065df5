/**
 * GGUF tensor types by their number in the file, and the decoders of the 32-element block types. Each block is a
 * float16 scale `d` (and minimum `m`), high bits, then two 4-bit values a byte: element i in the low nibble of byte
 * i, element i + 16 in the high one. Results equal the `gguf` Python package's float32 arithmetic bit for bit:
 * d times q is exact in float32 (11 + 5 bits), so rounding once, on the store, is the same.
 * Format: ggml-common.h and ggml-quants.c of llama.cpp.
 */

import { Q4_K, Q5_K, Q6_K } from './dequantize-k.ts';
import { BF16, F16, F32 } from './dequantize-plain.ts';
import { halfTable } from './half.ts';
import type { BlockType } from './weight-file.ts';

/** `[d: 2][q: 16]`, value d * (q - 8). */
export const Q4_0: BlockType = {
  name: 'Q4_0',
  blockSize: 32,
  blockBytes: 18,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 18, o += 32) {
      const d = half[bytes[at] | (bytes[at + 1] << 8)];
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + 2 + i];
        out[o + i] = d * ((pair & 15) - 8);
        out[o + 16 + i] = d * ((pair >> 4) - 8);
      }
    }
  },
};

/** `[d: 2][m: 2][q: 16]`, value d * q + m. */
export const Q4_1: BlockType = {
  name: 'Q4_1',
  blockSize: 32,
  blockBytes: 20,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 20, o += 32) {
      const d = half[bytes[at] | (bytes[at + 1] << 8)];
      const m = half[bytes[at + 2] | (bytes[at + 3] << 8)];
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + 4 + i];
        out[o + i] = d * (pair & 15) + m;
        out[o + 16 + i] = d * (pair >> 4) + m;
      }
    }
  },
};

/** `[d: 2][high bits: 4][q: 16]`, value d * (q - 16). */
export const Q5_0: BlockType = {
  name: 'Q5_0',
  blockSize: 32,
  blockBytes: 22,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 22, o += 32) {
      const d = half[bytes[at] | (bytes[at + 1] << 8)];
      const high = highBits(bytes, at + 2);
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + 6 + i];
        out[o + i] = d * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
        out[o + 16 + i] = d * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
      }
    }
  },
};

/** `[d: 2][m: 2][high bits: 4][q: 16]`, value d * q + m. */
export const Q5_1: BlockType = {
  name: 'Q5_1',
  blockSize: 32,
  blockBytes: 24,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 24, o += 32) {
      const d = half[bytes[at] | (bytes[at + 1] << 8)];
      const m = half[bytes[at + 2] | (bytes[at + 3] << 8)];
      const high = highBits(bytes, at + 4);
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + 8 + i];
        out[o + i] = d * ((pair & 15) | (((high >>> i) & 1) << 4)) + m;
        out[o + 16 + i] = d * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
      }
    }
  },
};

/** `[d: 2][q: 32 int8]`, value d * q. */
export const Q8_0: BlockType = {
  name: 'Q8_0',
  blockSize: 32,
  blockBytes: 34,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 34, o += 32) {
      const d = half[bytes[at] | (bytes[at + 1] << 8)];
      for (let i = 0; i < 32; i++) out[o + i] = d * ((bytes[at + 2 + i] << 24) >> 24);
    }
  },
};

/** The fifth bit of each of the 32 elements, element i in bit i. */
function highBits(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Decoders by GGUF type number. */
export const ggufTypes: ReadonlyMap<number, BlockType> = new Map([
  [0, F32],
  [1, F16],
  [2, Q4_0],
  [3, Q4_1],
  [6, Q5_0],
  [7, Q5_1],
  [8, Q8_0],
  [12, Q4_K],
  [13, Q5_K],
  [14, Q6_K],
  [30, BF16],
]);

/** Names of types that exist but are not read here, so that an error can name them. */
export const unsupportedGgufTypes: ReadonlyMap<number, string> = new Map([
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [24, 'I8'],
  [25, 'I16'],
  [26, 'I32'],
  [27, 'I64'],
  [28, 'F64'],
  [29, 'IQ1_M'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
  [40, 'NVFP4'],
  [41, 'Q1_0'],
]);
