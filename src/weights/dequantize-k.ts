/**
 * The 256-element "K" block types of GGUF. A block is split into 8 groups of 32 (Q4_K, Q5_K: 6-bit scale and minimum
 * a group) or 16 groups of 16 (Q6_K: int8 scale a group) under one float16 scale. Scale products fit float32 exactly
 * (11 + 8 bits) and double arithmetic is exact here, so rounding once, on the store, equals the reference bit for bit.
 * Format: ggml-common.h and ggml-quants.c of llama.cpp.
 */

import { halfTable } from './half.ts';
import type { BlockType } from './weight-file.ts';

const BLOCK = 256;

/** 6-bit scale of group `g` (0..7) from the 12 packed bytes at `at`. */
function groupScale(bytes: Uint8Array, at: number, g: number): number {
  return g < 4 ? bytes[at + g] & 63 : (bytes[at + g + 4] & 15) | ((bytes[at + g - 4] >> 6) << 4);
}

/** 6-bit minimum of group `g` (0..7) from the 12 packed bytes at `at`. */
function groupMinimum(bytes: Uint8Array, at: number, g: number): number {
  return g < 4 ? bytes[at + g + 4] & 63 : (bytes[at + g + 4] >> 4) | ((bytes[at + g] >> 6) << 4);
}

/** `[d: 2][dmin: 2][scales and minimums: 12][q: 128]`, value d * scale * q - dmin * minimum. */
export const Q4_K: BlockType = {
  name: 'Q4_K',
  blockSize: BLOCK,
  blockBytes: 144,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 144, o += BLOCK) {
      const d = half[bytes[at] | (bytes[at + 1] << 8)];
      const dmin = half[bytes[at + 2] | (bytes[at + 3] << 8)];
      for (let g = 0; g < 8; g++) {
        const scale = d * groupScale(bytes, at + 4, g);
        const minimum = dmin * groupMinimum(bytes, at + 4, g);
        const quants = at + 16 + 32 * (g >> 1);
        const shift = 4 * (g & 1);
        for (let i = 0; i < 32; i++) {
          out[o + 32 * g + i] = scale * ((bytes[quants + i] >> shift) & 15) - minimum;
        }
      }
    }
  },
};

/** `[d: 2][dmin: 2][scales and minimums: 12][high bits: 32][q: 128]`, value d * scale * q - dmin * minimum. */
export const Q5_K: BlockType = {
  name: 'Q5_K',
  blockSize: BLOCK,
  blockBytes: 176,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 176, o += BLOCK) {
      const d = half[bytes[at] | (bytes[at + 1] << 8)];
      const dmin = half[bytes[at + 2] | (bytes[at + 3] << 8)];
      for (let g = 0; g < 8; g++) {
        const scale = d * groupScale(bytes, at + 4, g);
        const minimum = dmin * groupMinimum(bytes, at + 4, g);
        const high = at + 16;
        const quants = at + 48 + 32 * (g >> 1);
        const shift = 4 * (g & 1);
        for (let i = 0; i < 32; i++) {
          const q = ((bytes[quants + i] >> shift) & 15) | (((bytes[high + i] >> g) & 1) << 4);
          out[o + 32 * g + i] = scale * q - minimum;
        }
      }
    }
  },
};

/** `[low nibbles: 128][high pairs: 64][scales: 16 int8][d: 2]`, value d * scale * (q - 32). */
export const Q6_K: BlockType = {
  name: 'Q6_K',
  blockSize: BLOCK,
  blockBytes: 210,
  decode(bytes, out) {
    const half = halfTable();
    for (let at = 0, o = 0; at < bytes.length; at += 210, o += BLOCK) {
      const d = half[bytes[at + 208] | (bytes[at + 209] << 8)];
      // Each half of the block (128 elements) is four runs of 32: two from low nibbles, two from high ones.
      for (let run = 0; run < 8; run++) {
        const part = run >> 2;
        const k = run & 3;
        const low = at + 64 * part + 32 * (k & 1);
        const high = at + 128 + 32 * part;
        for (let i = 0; i < 32; i++) {
          const q = ((bytes[low + i] >> (4 * (k >> 1))) & 15) | (((bytes[high + i] >> (2 * k)) & 3) << 4);
          const scale = d * ((bytes[at + 192 + 2 * run + (i >> 4)] << 24) >> 24);
          out[o + 32 * run + i] = scale * (q - 32);
        }
      }
    }
  },
};
