/**
 * The one interface every weight file implements, and the door to all formats. Whatever the file, a model sees
 * Hugging Face tensor names, a Hugging Face config and float32 values in row-major order ([out, in] for matrices).
 * Opening reads and checks headers only; `read` fetches one tensor by positioned reads.
 */

import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { QuickstepError } from '../errors.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { diskFolder } from './disk-folder.ts';
import { openGguf } from './gguf.ts';
import type { GgufMetadata } from './gguf-metadata.ts';
import { openFolder, openSafetensorsFile } from './huggingface.ts';

/** One tensor as the file stores it. */
export interface TensorInfo {
  /** Hugging Face name, for example `model.layers.0.self_attn.q_proj.weight`. */
  name: string;
  /** Type in the file, for example `BF16` or `Q4_K`. */
  dtype: string;
  /** Row-major, outermost first: `[out, in]` for a matrix, `[]` for a scalar. */
  shape: number[];
  /** Bytes in the file. */
  byteLength: number;
}

/**
 * What the file says about its tokenizer: parsed tokenizer.json and tokenizer_config.json, an older repository's parsed
 * vocab.json and merges.txt in place of the first, or GGUF metadata.
 */
export type TokenizerData =
  | { format: 'json'; tokenizer: unknown; config: Record<string, unknown> }
  | { format: 'vocabulary'; vocabulary: unknown; merges: string; config: Record<string, unknown> }
  | { format: 'gguf'; metadata: GgufMetadata };

/** An open checkpoint. Several `read` calls may run at once. */
export interface Checkpoint {
  readonly path: string;
  readonly format: 'safetensors' | 'gguf';
  /** Hugging Face config.json, synthesised from the metadata for GGUF; `{}` when a lone file has none beside it. */
  readonly config: Record<string, unknown>;
  /** generation_config.json, or `{}`. */
  readonly generationConfig: Record<string, unknown>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly tokenizer: TokenizerData | undefined;
  /**
   * Reads one tensor as float32; length is the product of its shape.
   * Throws `not-found` for an unknown name, `bad-file` when the file shrank, `disposed` after `close`.
   */
  read(name: string): Promise<Float32Array>;
  /** Closes the files; safe to call twice. */
  close(): Promise<void>;
}

/**
 * Opens a .gguf file, a .safetensors file, or a folder in Hugging Face layout (single file, or sharded with
 * model.safetensors.index.json). Throws `not-found` when there is nothing at `path`, `bad-file` for a corrupt
 * file and `unsupported` for a format, architecture or tensor type Quickstep does not read.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new QuickstepError('not-found', `There is no checkpoint at "${path}".`, 'Check the path.', {
      cause,
    });
  });
  if (found.isDirectory()) return openFolder(diskFolder(path), (name) => openGguf(join(path, name)));
  if (!found.isFile()) {
    throw new QuickstepError('bad-file', `"${path}" is neither a file nor a folder.`);
  }
  const extension = extname(path).toLowerCase();
  if (extension === '.safetensors')
    return openSafetensorsFile(diskFolder(dirname(path)), basename(path), path);
  if (extension === '.gguf' || (await startsWithGguf(path))) return openGguf(path);
  throw new QuickstepError(
    'unsupported',
    `"${path}" is not a checkpoint format Quickstep reads.`,
    'Use a .gguf file, a .safetensors file or a Hugging Face folder; convert .bin and .pt files to safetensors first.',
  );
}

async function startsWithGguf(path: string): Promise<boolean> {
  const file = await CheckpointFile.open(path);
  try {
    return file.size >= 4 && Buffer.from(await file.bytes(0, 4)).toString('latin1') === 'GGUF';
  } finally {
    await file.close();
  }
}
