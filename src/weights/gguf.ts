/**
 * GGUF files (llama.cpp's format, versions 2 and 3, little endian) as checkpoints: metadata, tensor table, name map
 * and float32 reads of the block-quantized tensors. See gguf-metadata.ts and gguf-tensors.ts for the format.
 */

import { QuickstepError } from '../errors.ts';
import type { Checkpoint, TensorInfo } from './checkpoint.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { configFromGguf } from './gguf-config.ts';
import { GgufCursor } from './gguf-cursor.ts';
import { readGgufHeader } from './gguf-metadata.ts';
import { deinterleaveHeads, expertNames, huggingfaceName, interleavedHeads } from './gguf-names.ts';
import { type GgufTensor, readGgufTensors } from './gguf-tensors.ts';

const MAX_ROPE_FACTORS = 4096;
const MAX_EXPERTS = 4096;

/** A tensor with what has to be undone when it is read. */
interface Entry {
  tensor: GgufTensor;
  /** Heads whose rows are interleaved, 0 for none. */
  heads: number;
}

/** Opens one GGUF file. Throws `not-found`, `bad-file` or `unsupported` (version, architecture, tensor type). */
export async function openGguf(path: string): Promise<Checkpoint> {
  const file = await CheckpointFile.open(path);
  try {
    return await readCheckpoint(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readCheckpoint(file: CheckpointFile): Promise<Checkpoint> {
  const cursor = new GgufCursor(file);
  const header = await readGgufHeader(cursor);
  const stored = await readGgufTensors(cursor, header, file.size);
  const factors = await readRopeFactors(file, stored);
  const config = configFromGguf(header.metadata, stored, file.path, factors);
  const entries = namedEntries(cursor, stored, config);

  const tensors = new Map<string, TensorInfo>();
  for (const [name, { tensor }] of entries) {
    const { type, shape, byteLength } = tensor;
    tensors.set(name, { name, dtype: type.name, shape, byteLength });
  }
  return {
    path: file.path,
    format: 'gguf',
    config,
    generationConfig: {},
    tensors,
    tokenizer: header.metadata.has('tokenizer.ggml.model')
      ? { format: 'gguf', metadata: header.metadata }
      : undefined,
    async read(name) {
      const entry = entries.get(name);
      if (!entry) throw new QuickstepError('not-found', `"${file.path}" has no tensor "${name}".`);
      const { tensor, heads } = entry;
      const values = await file.floats(tensor.offset, tensor.elements, tensor.type);
      return heads === 0 ? values : deinterleaveHeads(values, tensor.shape[0], heads);
    },
    close: () => file.close(),
  };
}

async function readRopeFactors(
  file: CheckpointFile,
  stored: ReadonlyMap<string, GgufTensor>,
): Promise<Float32Array | undefined> {
  const tensor = stored.get('rope_freqs.weight');
  if (!tensor) return undefined;
  const factors =
    tensor.elements <= MAX_ROPE_FACTORS
      ? await file.floats(tensor.offset, tensor.elements, tensor.type)
      : undefined;
  if (!factors?.every((factor) => factor > 0 && Number.isFinite(factor))) {
    throw new QuickstepError(
      'bad-file',
      `"${file.path}": rope_freqs.weight does not hold frequency divisors.`,
    );
  }
  return factors;
}

function namedEntries(
  cursor: GgufCursor,
  stored: ReadonlyMap<string, GgufTensor>,
  config: Record<string, unknown>,
): Map<string, Entry> {
  const counts = {
    query: config.num_attention_heads as number,
    keyValue: config.num_key_value_heads as number,
  };
  const entries = new Map<string, Entry>();
  for (const [name, tensor] of [...stored.values()].flatMap((tensor) => named(cursor, tensor))) {
    if (entries.has(name)) throw cursor.bad(`two tensors mean "${name}"`);
    const heads = interleavedHeads(config.model_type as string, tensor.name, counts);
    if (heads > 0 && tensor.shape[0] % (2 * heads) !== 0) {
      throw cursor.bad(`"${tensor.name}" has ${tensor.shape[0]} rows, which ${heads} heads do not divide`);
    }
    entries.set(name, { tensor, heads });
  }
  return entries;
}

/** The tensor under its Hugging Face name; a stack of experts [experts, out, in] matrix by matrix. */
function named(cursor: GgufCursor, tensor: GgufTensor): (readonly [string, GgufTensor])[] {
  const [count, ...shape] = tensor.shape;
  const names = expertNames(tensor.name, Math.min(count, MAX_EXPERTS));
  if (!names) return [[huggingfaceName(tensor.name), tensor]];
  if (shape.length !== 2 || count > MAX_EXPERTS) {
    throw cursor.bad(`"${tensor.name}" is no stack of at most ${MAX_EXPERTS} matrices`);
  }
  const [elements, byteLength] = [tensor.elements / count, tensor.byteLength / count];
  return names.map((name, index) => [
    name,
    { ...tensor, shape, elements, byteLength, offset: tensor.offset + index * byteLength },
  ]);
}
