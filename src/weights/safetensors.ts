/**
 * The safetensors format: `[header length: u64][JSON header][tensor bytes]`. The header is untrusted: its length is
 * bounded before it is read, its shape is checked with zod, and tensors must cover the data exactly, without gaps or
 * overlaps, as the reference implementation demands. Format: the README of huggingface/safetensors.
 */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { BF16, BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64 } from './dequantize-plain.ts';
import type { BlockType, WeightFile } from './weight-file.ts';

/** A tensor of a safetensors file; `offset` counts from the start of the file. */
export interface SafetensorsTensor {
  name: string;
  type: BlockType;
  /** Row-major, outermost first; `[]` for a scalar. */
  shape: number[];
  /** Product of `shape`. */
  elements: number;
  byteLength: number;
  offset: number;
}

/** The parsed header. */
export interface SafetensorsHeader {
  tensors: Map<string, SafetensorsTensor>;
  /** The free-form `__metadata__` strings. */
  metadata: Record<string, string>;
}

const MAX_HEADER_BYTES = 100_000_000;
const MAX_TENSORS = 1_000_000;
const MAX_RANK = 16;

const types = new Map(
  [F64, F32, F16, BF16, I64, U64, I32, U32, I16, U16, I8, U8, BOOL].map((type) => [type.name, type]),
);

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const entrySchema = z.strictObject({
  dtype: z.string().max(32),
  shape: z.array(size).max(MAX_RANK),
  data_offsets: z.tuple([size, size]),
});
const metadataSchema = z.record(z.string(), z.string());

/** Reads and checks the header. Throws `bad-file`, or `unsupported` for an element type not read here. */
export async function readSafetensorsHeader(file: WeightFile): Promise<SafetensorsHeader> {
  if (file.size < 8) throw bad(file.path, 'it is shorter than its header length');
  const prefix = await file.bytes(0, 8);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES || Number(length) > file.size - 8) {
    throw bad(file.path, `its header claims ${length} bytes, the file has ${file.size}`);
  }
  const dataStart = 8 + Number(length);
  const { __metadata__: rawMetadata, ...entries } = parseHeader(
    file.path,
    await file.bytes(8, Number(length)),
  );

  const metadata = metadataSchema.safeParse(rawMetadata ?? {});
  if (!metadata.success) throw bad(file.path, '"__metadata__" is not a table of strings');
  const pairs = Object.entries(entries);
  if (pairs.length > MAX_TENSORS) throw bad(file.path, `it claims ${pairs.length} tensors`);
  const tensors = new Map(pairs.map(([name, entry]) => [name, readEntry(file.path, name, entry, dataStart)]));
  checkCover(file, dataStart, [...tensors.values()]);
  return { tensors, metadata: metadata.data };
}

function parseHeader(path: string, bytes: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw bad(path, 'its header is not JSON', cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw bad(path, 'its header is not a JSON object');
  }
  return parsed as Record<string, unknown>;
}

function readEntry(path: string, name: string, entry: unknown, dataStart: number): SafetensorsTensor {
  const label = JSON.stringify(name.slice(0, 200));
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw bad(path, `the entry of tensor ${label} is wrong at "${issue.path.join('.')}" (${issue.message})`);
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const type = types.get(dtype);
  if (!type) {
    throw new QuickstepError(
      'unsupported',
      `The tensor ${label} in "${path}" has the type ${JSON.stringify(dtype)}, which Quickstep does not read.`,
      `Convert it to one of ${[...types.keys()].join(', ')}.`,
    );
  }
  const elements = shape.reduce((product, length) => product * length, 1);
  const byteLength = elements * type.blockBytes;
  if (!Number.isSafeInteger(byteLength) || offsets[1] - offsets[0] !== byteLength) {
    throw bad(path, `the tensor ${label} of shape [${shape}] does not take ${offsets[1] - offsets[0]} bytes`);
  }
  return { name, type, shape, elements, byteLength, offset: dataStart + offsets[0] };
}

function checkCover(file: WeightFile, dataStart: number, tensors: SafetensorsTensor[]): void {
  tensors.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const { name, offset, byteLength } of tensors) {
    if (offset !== end)
      throw bad(file.path, `a gap or overlap comes before ${JSON.stringify(name.slice(0, 200))}`);
    end = offset + byteLength;
  }
  if (end !== file.size) throw bad(file.path, `its tensors end at byte ${end}, the file has ${file.size}`);
}

function bad(path: string, reason: string, cause?: unknown): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `"${path}" is not a valid safetensors file: ${reason}.`,
    'Fetch it again.',
    {
      cause,
    },
  );
}
