/**
 * Writes safetensors files, byte for byte as the reference library lays them out: tensors by falling element size,
 * then name; header padded with spaces to 8 bytes. A file appears whole or not at all.
 */

import type { FileHandle } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';
import { floatToBfloat, floatToHalf } from './half.ts';
import { replaceFile } from './replace-file.ts';

/** A tensor to write: little-endian typed array of `shape`; Float32Array is rounded for the two 16-bit floats. */
export type TensorData = { shape: readonly number[] } & (
  | { dtype: 'F64'; data: Float64Array }
  | { dtype: 'F32' | 'F16' | 'BF16'; data: Float32Array }
  | { dtype: 'I64'; data: BigInt64Array }
  | { dtype: 'I32'; data: Int32Array }
  | { dtype: 'I16'; data: Int16Array }
  | { dtype: 'I8'; data: Int8Array }
  | { dtype: 'U8' | 'BOOL'; data: Uint8Array }
);

/** The order the reference library writes in: widest first, and by its own rank among equals. */
const order = ['I64', 'F64', 'F32', 'I32', 'BF16', 'F16', 'I16', 'I8', 'U8', 'BOOL'];

/**
 * Writes `tensors` to `path`, replacing a file there. Throws `bad-shape` when data and shape disagree, `no-space`
 * when the disk is full and `not-found` when the folder does not exist; `path` is then as it was before.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Record<string, string> = {},
): Promise<void> {
  await replaceFile(path, (handle) => writeTensors(handle, tensors, metadata));
}

/** Writes the whole file content to an open handle. Throws `bad-shape`; errors of the disk pass through. */
export async function writeTensors(
  handle: FileHandle,
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Record<string, string>,
): Promise<void> {
  const sorted = [...tensors].sort(
    ([a, { dtype: x }], [b, { dtype: y }]) => order.indexOf(x) - order.indexOf(y) || (a < b ? -1 : 1),
  );
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let end = 0;
  for (const [name, tensor] of sorted) {
    checkTensor(name, tensor);
    const start = end;
    end += byteLengthOf(tensor);
    entries.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [start, end] }]);
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  await handle.writeFile(header);
  for (const [, tensor] of sorted) await handle.writeFile(encode(tensor));
}

function checkTensor(name: string, { shape, data }: TensorData): void {
  const elements = shape.reduce((product, length) => product * length, 1);
  if (data.length !== elements || name === '__metadata__') {
    throw new QuickstepError(
      'bad-shape',
      `The tensor "${name}" has ${data.length} values, its shape [${shape}] holds ${elements}.`,
      'Pass one value per element, and do not name a tensor "__metadata__".',
    );
  }
}

function byteLengthOf({ dtype, data }: TensorData): number {
  return dtype === 'F16' || dtype === 'BF16' ? data.length * 2 : data.byteLength;
}

function encode({ dtype, data }: TensorData): Uint8Array {
  if (dtype === 'F16') return bytesOf(Uint16Array.from(data, floatToHalf));
  if (dtype === 'BF16') return bytesOf(Uint16Array.from(data, floatToBfloat));
  return bytesOf(data);
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
