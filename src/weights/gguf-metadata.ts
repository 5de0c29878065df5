/**
 * The metadata section of a GGUF v2/v3 file: `[magic][version][tensor count][pair count]`, then typed key-value pairs.
 * The file is untrusted: every count and length is checked against the bytes left and against fixed limits
 * before anything is allocated. Format: docs/gguf.md of the ggml project.
 */

import { QuickstepError } from '../errors.ts';
import type { GgufCursor } from './gguf-cursor.ts';

/** A metadata value; integers of 64 bits that do not fit a double exactly are bigint. */
export type GgufValue = string | number | bigint | boolean | GgufValue[];

/** Metadata by key, for example `tokenizer.ggml.tokens`. */
export type GgufMetadata = Map<string, GgufValue>;

/** Counts from the head of the file and the metadata that follows it. */
export interface GgufHeader {
  tensorCount: number;
  metadata: GgufMetadata;
}

const MAX_PAIRS = 65_536;
const MAX_TENSORS = 65_536;
const MAX_KEY_BYTES = 65_535;
const MAX_DEPTH = 4;
/** Array elements over the whole file; the largest vocabularies with their merges stay under a million. */
const MAX_ELEMENTS = 4_194_304;

const STRING = 8;
const ARRAY = 9;

/** Scalar types by number: width in bytes and reader. */
const scalars = new Map<number, { bytes: number; read: (cursor: GgufCursor) => GgufValue }>([
  [0, { bytes: 1, read: (cursor) => cursor.view(1).getUint8(0) }],
  [1, { bytes: 1, read: (cursor) => cursor.view(1).getInt8(0) }],
  [2, { bytes: 2, read: (cursor) => cursor.view(2).getUint16(0, true) }],
  [3, { bytes: 2, read: (cursor) => cursor.view(2).getInt16(0, true) }],
  [4, { bytes: 4, read: (cursor) => cursor.view(4).getUint32(0, true) }],
  [5, { bytes: 4, read: (cursor) => cursor.view(4).getInt32(0, true) }],
  [6, { bytes: 4, read: (cursor) => cursor.view(4).getFloat32(0, true) }],
  [7, { bytes: 1, read: (cursor) => cursor.view(1).getUint8(0) !== 0 }],
  [10, { bytes: 8, read: (cursor) => narrow(cursor.view(8).getBigUint64(0, true)) }],
  [11, { bytes: 8, read: (cursor) => narrow(cursor.view(8).getBigInt64(0, true)) }],
  [12, { bytes: 8, read: (cursor) => cursor.view(8).getFloat64(0, true) }],
]);

/** Reads from the first byte up to the tensor table. Throws `bad-file` or, for v1 and big endian, `unsupported`. */
export async function readGgufHeader(cursor: GgufCursor): Promise<GgufHeader> {
  await cursor.need(24, 'the file head');
  if (cursor.view(4).getUint32(0, true) !== 0x46554747) throw cursor.bad('it does not start with "GGUF"');
  checkVersion(cursor, cursor.view(4).getUint32(0, true));
  const tensorCount = await cursor.count(MAX_TENSORS, 'tensors');
  const pairs = await cursor.count(MAX_PAIRS, 'metadata pairs');
  const metadata: GgufMetadata = new Map();
  const budget = { elements: MAX_ELEMENTS };
  for (let i = 0; i < pairs; i++) {
    const key = await cursor.string(MAX_KEY_BYTES, 'a metadata key');
    if (metadata.has(key)) throw cursor.bad(`the metadata key "${key}" occurs twice`);
    metadata.set(key, await readValue(cursor, await cursor.uint32(`the type of "${key}"`), key, 0, budget));
  }
  return { tensorCount, metadata };
}

function checkVersion(cursor: GgufCursor, version: number): void {
  if (version === 2 || version === 3) return;
  if (version !== 0 && (version & 0xffff) === 0) {
    throw new QuickstepError(
      'unsupported',
      `"${cursor.path}" is a big-endian GGUF file.`,
      'Convert it with gguf-convert-endian, or use a little-endian file.',
    );
  }
  throw new QuickstepError(
    'unsupported',
    `"${cursor.path}" is GGUF version ${version}; versions 2 and 3 are read.`,
    'Convert the model again with a current llama.cpp.',
  );
}

async function readValue(
  cursor: GgufCursor,
  type: number,
  key: string,
  depth: number,
  budget: { elements: number },
): Promise<GgufValue> {
  if (type === STRING) return cursor.string(Number.MAX_SAFE_INTEGER, `the value of "${key}"`);
  if (type === ARRAY) return readArray(cursor, key, depth, budget);
  const scalar = scalars.get(type);
  if (!scalar) throw cursor.bad(`the metadata key "${key}" has the unknown type ${type}`);
  await cursor.need(scalar.bytes, `the value of "${key}"`);
  return scalar.read(cursor);
}

async function readArray(
  cursor: GgufCursor,
  key: string,
  depth: number,
  budget: { elements: number },
): Promise<GgufValue[]> {
  if (depth >= MAX_DEPTH) throw cursor.bad(`the arrays of "${key}" are nested more than ${MAX_DEPTH} deep`);
  const type = await cursor.uint32(`the array type of "${key}"`);
  const scalar = scalars.get(type);
  if (!scalar && type !== STRING && type !== ARRAY) {
    throw cursor.bad(`the metadata key "${key}" is an array of the unknown type ${type}`);
  }
  const count = await cursor.count(budget.elements, `elements of "${key}"`);
  // The least an element can take: a string is its length, an array its type and length.
  const least = scalar?.bytes ?? (type === STRING ? 8 : 12);
  if (count * least > cursor.remaining) {
    throw cursor.bad(`"${key}" claims ${count} elements, more than the file can hold`);
  }
  budget.elements -= count;
  const values: GgufValue[] = [];
  if (scalar) {
    await cursor.need(count * scalar.bytes, `the elements of "${key}"`);
    for (let i = 0; i < count; i++) values.push(scalar.read(cursor));
    return values;
  }
  for (let i = 0; i < count; i++) {
    // Vocabularies are long: waiting once a string would take most of the time to open a file.
    const ready = type === STRING ? cursor.bufferedString() : undefined;
    values.push(ready ?? (await readValue(cursor, type, key, depth + 1, budget)));
  }
  return values;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
