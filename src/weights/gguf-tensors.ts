/**
 * The tensor table of a GGUF file: name, dimensions (innermost first in the file, turned row-major here), type
 * and offset. Checks that every tensor has a readable type, is aligned, lies in the file and overlaps no other.
 */

import { QuickstepError } from '../errors.ts';
import { ggufTypes, unsupportedGgufTypes } from './dequantize.ts';
import type { GgufCursor } from './gguf-cursor.ts';
import type { GgufHeader } from './gguf-metadata.ts';
import type { BlockType } from './weight-file.ts';

/** A tensor where the file has it, under the name the file gives it. */
export interface GgufTensor {
  name: string;
  type: BlockType;
  /** Row-major, outermost first. */
  shape: number[];
  /** Product of `shape`. */
  elements: number;
  byteLength: number;
  /** From the start of the file. */
  offset: number;
}

const MAX_NAME_BYTES = 1024;
const MAX_DIMENSIONS = 4;
const MAX_ALIGNMENT = 1024 * 1024;

/** Reads the table that follows the metadata. Throws `bad-file`, or `unsupported` for a tensor type not read here. */
export async function readGgufTensors(
  cursor: GgufCursor,
  header: GgufHeader,
  fileSize: number,
): Promise<Map<string, GgufTensor>> {
  const alignment = alignmentOf(cursor, header);
  const tensors = new Map<string, GgufTensor>();
  for (let i = 0; i < header.tensorCount; i++) {
    const tensor = await readEntry(cursor);
    if (tensors.has(tensor.name)) throw cursor.bad(`the tensor "${tensor.name}" occurs twice`);
    if (tensor.offset % alignment !== 0) {
      throw cursor.bad(`the tensor "${tensor.name}" is not aligned to ${alignment} bytes`);
    }
    tensors.set(tensor.name, tensor);
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  for (const tensor of tensors.values()) tensor.offset += dataStart;
  checkRanges(cursor, [...tensors.values()], fileSize);
  return tensors;
}

function alignmentOf(cursor: GgufCursor, { metadata }: GgufHeader): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  const isValid =
    typeof alignment === 'number' &&
    Number.isInteger(alignment) &&
    alignment > 0 &&
    alignment <= MAX_ALIGNMENT &&
    (alignment & (alignment - 1)) === 0;
  if (!isValid) {
    throw cursor.bad(`general.alignment is ${String(alignment).slice(0, 40)}, not a power of two`);
  }
  return alignment;
}

async function readEntry(cursor: GgufCursor): Promise<GgufTensor> {
  const name = await cursor.string(MAX_NAME_BYTES, 'a tensor name');
  const rank = await cursor.uint32(`the dimensions of "${name}"`);
  if (rank < 1 || rank > MAX_DIMENSIONS) throw cursor.bad(`the tensor "${name}" has ${rank} dimensions`);
  const shape: number[] = [];
  let elements = 1;
  for (let i = 0; i < rank; i++) {
    const size = await cursor.uint64(`a dimension of "${name}"`);
    elements *= size;
    if (size === 0 || !Number.isSafeInteger(elements)) {
      throw cursor.bad(`the tensor "${name}" has the impossible dimension ${size}`);
    }
    shape.unshift(size);
  }
  const type = typeOf(cursor, await cursor.uint32(`the type of "${name}"`), name);
  const rowLength = shape[shape.length - 1];
  if (rowLength % type.blockSize !== 0) {
    throw cursor.bad(
      `rows of "${name}" (${rowLength}) are not whole ${type.name} blocks of ${type.blockSize}`,
    );
  }
  const offset = await cursor.uint64(`the offset of "${name}"`);
  return { name, type, shape, elements, byteLength: (elements / type.blockSize) * type.blockBytes, offset };
}

function typeOf(cursor: GgufCursor, number: number, tensor: string): BlockType {
  const type = ggufTypes.get(number);
  if (type) return type;
  const known = unsupportedGgufTypes.get(number);
  if (!known) throw cursor.bad(`the tensor "${tensor}" has the unknown type ${number}`);
  const readable = [...ggufTypes.values()].map(({ name }) => name).join(', ');
  throw new QuickstepError(
    'unsupported',
    `The tensor "${tensor}" in "${cursor.path}" has the type ${known}, which Quickstep does not read.`,
    `Use a file with one of ${readable}.`,
  );
}

function checkRanges(cursor: GgufCursor, tensors: GgufTensor[], fileSize: number): void {
  tensors.sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { name, offset, byteLength } of tensors) {
    if (offset < end) throw cursor.bad(`the tensor "${name}" overlaps another`);
    end = offset + byteLength;
    if (!(end <= fileSize)) {
      throw cursor.bad(`the tensor "${name}" needs bytes up to ${end}, the file has ${fileSize}`);
    }
  }
}
