/**
 * Plain element types (one element a block) shared by safetensors and GGUF, as float32 decoders.
 * float16, bfloat16 and integers up to 24 bits are exact; the rest is rounded to float32.
 */

import { halfTable } from './half.ts';
import type { BlockType } from './weight-file.ts';

function plain(
  name: string,
  blockBytes: number,
  element: (view: DataView, offset: number) => number,
): BlockType {
  return {
    name,
    blockSize: 1,
    blockBytes,
    decode(bytes, out) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0, offset = 0; i < out.length; i++, offset += blockBytes) out[i] = element(view, offset);
    },
  };
}

/** float16. */
export const F16: BlockType = {
  name: 'F16',
  blockSize: 1,
  blockBytes: 2,
  decode(bytes, out) {
    const table = halfTable();
    for (let i = 0; i < out.length; i++) out[i] = table[bytes[2 * i] | (bytes[2 * i + 1] << 8)];
  },
};

/** bfloat16: the upper half of a float32. */
export const BF16: BlockType = {
  name: 'BF16',
  blockSize: 1,
  blockBytes: 2,
  decode(bytes, out) {
    const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < bits.length; i++) bits[i] = (bytes[2 * i] << 16) | (bytes[2 * i + 1] << 24);
  },
};

export const F64 = plain('F64', 8, (view, offset) => view.getFloat64(offset, true));
export const F32 = plain('F32', 4, (view, offset) => view.getFloat32(offset, true));
export const I64 = plain('I64', 8, (view, offset) => Number(view.getBigInt64(offset, true)));
export const U64 = plain('U64', 8, (view, offset) => Number(view.getBigUint64(offset, true)));
export const I32 = plain('I32', 4, (view, offset) => view.getInt32(offset, true));
export const U32 = plain('U32', 4, (view, offset) => view.getUint32(offset, true));
export const I16 = plain('I16', 2, (view, offset) => view.getInt16(offset, true));
export const U16 = plain('U16', 2, (view, offset) => view.getUint16(offset, true));
export const I8 = plain('I8', 1, (view, offset) => view.getInt8(offset));
export const U8 = plain('U8', 1, (view, offset) => view.getUint8(offset));
/** One byte, 0 for false; anything else reads as 1. */
export const BOOL = plain('BOOL', 1, (view, offset) => (view.getUint8(offset) === 0 ? 0 : 1));
