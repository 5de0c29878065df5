/**
 * Checkpoints in Hugging Face layout: a folder with config.json, tokenizer.json and one safetensors file or several
 * named by model.safetensors.index.json, or a lone .safetensors file with such files beside it. Everything read is
 * untrusted: JSON files are bounded and shard names may not leave the folder.
 */

import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import type { Checkpoint, TensorInfo, TokenizerData } from './checkpoint.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { openGguf } from './gguf.ts';
import { readJson, readText } from './huggingface-json.ts';
import { llamaName } from './llada-names.ts';
import { readSafetensorsHeader, type SafetensorsTensor } from './safetensors.ts';

const INDEX = 'model.safetensors.index.json';
const MAX_SHARDS = 1024;

const indexSchema = z.object({
  weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.safetensors$/)),
});

/** A tensor and the file it is in. */
interface Entry {
  file: CheckpointFile;
  tensor: SafetensorsTensor;
}

/** Opens a folder; one that holds a single GGUF file and no safetensors opens that file. */
export async function openFolder(folder: string): Promise<Checkpoint> {
  const names = await readdir(folder);
  const index = names.includes(INDEX) ? await readJson(folder, INDEX) : undefined;
  if (index) return openFiles(folder, folder, shardsOf(folder, index));
  const safetensors = names.filter((name) => name.endsWith('.safetensors'));
  const single = names.includes('model.safetensors') ? 'model.safetensors' : only(folder, safetensors);
  if (single) return openFiles(folder, folder, new Map([[single, undefined]]));
  const gguf = only(
    folder,
    names.filter((name) => name.endsWith('.gguf')),
  );
  if (gguf) return openGguf(join(folder, gguf));
  const legacy = names.find((name) => /\.(bin|pt|pth)$/.test(name));
  if (legacy) {
    throw new QuickstepError(
      'unsupported',
      `"${folder}" holds weights only as "${legacy}", a pickle that could run code.`,
      'Convert them to safetensors first.',
    );
  }
  throw new QuickstepError(
    'not-found',
    `"${folder}" holds no .safetensors or .gguf file.`,
    'Check the path.',
  );
}

/** Opens the configuration and tokenizer files of a folder whose weights are elsewhere; it has no tensors. */
export function openConfigFolder(folder: string): Promise<Checkpoint> {
  return openFiles(folder, folder, new Map());
}

/** Opens a lone file, with the configuration and tokenizer files beside it when there are any. */
export async function openSafetensorsFile(path: string): Promise<Checkpoint> {
  return openFiles(path, dirname(path), new Map([[basename(path), undefined]]));
}

/** Opens `shards` (file name to the tensors expected in it, undefined for all) as one checkpoint. */
async function openFiles(
  path: string,
  folder: string,
  shards: ReadonlyMap<string, readonly string[] | undefined>,
): Promise<Checkpoint> {
  const entries = new Map<string, Entry>();
  const files: CheckpointFile[] = [];
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    for (const [name, expected] of shards) {
      const file = await CheckpointFile.open(join(folder, name));
      files.push(file);
      const { tensors } = await readSafetensorsHeader(file);
      for (const tensorName of expected ?? tensors.keys()) {
        const tensor = tensors.get(tensorName);
        if (!tensor) {
          throw new QuickstepError(
            'bad-file',
            `"${file.path}" lacks the tensor "${tensorName}" of ${INDEX}.`,
          );
        }
        const known = llamaName(tensorName);
        if (entries.has(known)) {
          throw new QuickstepError('bad-file', `"${path}" has two tensors that mean "${known}".`);
        }
        entries.set(known, { file, tensor });
      }
    }
    return {
      path,
      format: 'safetensors',
      config: (await readJson(folder, 'config.json')) ?? {},
      generationConfig: (await readJson(folder, 'generation_config.json')) ?? {},
      tensors: infoOf(entries),
      tokenizer: await readTokenizer(folder),
      async read(name) {
        const entry = entries.get(name);
        if (!entry) throw new QuickstepError('not-found', `"${path}" has no tensor "${name}".`);
        return entry.file.floats(entry.tensor.offset, entry.tensor.elements, entry.tensor.type);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function shardsOf(folder: string, index: Record<string, unknown>): Map<string, string[]> {
  const parsed = indexSchema.safeParse(index);
  const shards = new Map<string, string[]>();
  for (const [tensor, file] of Object.entries(parsed.data?.weight_map ?? {})) {
    const names = shards.get(file);
    if (names) names.push(tensor);
    else shards.set(file, [tensor]);
  }
  if (shards.size === 0 || shards.size > MAX_SHARDS) {
    throw new QuickstepError(
      'bad-file',
      `"${join(folder, INDEX)}" does not map tensors to .safetensors files of its own folder.`,
      'Fetch the model again.',
    );
  }
  return shards;
}

function only(folder: string, names: string[]): string | undefined {
  if (names.length <= 1) return names[0];
  throw new QuickstepError(
    'not-found',
    `"${folder}" holds several weight files (${names.slice(0, 5).join(', ')}) and no index.`,
    'Give the path of one of them.',
  );
}

function infoOf(entries: ReadonlyMap<string, Entry>): Map<string, TensorInfo> {
  const infos = new Map<string, TensorInfo>();
  for (const [name, { tensor }] of entries) {
    infos.set(name, { name, dtype: tensor.type.name, shape: tensor.shape, byteLength: tensor.byteLength });
  }
  return infos;
}

async function readTokenizer(folder: string): Promise<TokenizerData | undefined> {
  const tokenizer = await readJson(folder, 'tokenizer.json');
  const vocabulary = tokenizer ? undefined : await readJson(folder, 'vocab.json');
  if (!tokenizer && !vocabulary) return undefined;
  const config = (await readJson(folder, 'tokenizer_config.json')) ?? {};
  // Newer repositories keep the template in a file of its own.
  const template = await readText(folder, 'chat_template.jinja');
  if (template !== undefined && config.chat_template === undefined) config.chat_template = template;
  if (tokenizer) return { format: 'json', tokenizer, config };
  const merges = await readText(folder, 'merges.txt');
  return merges === undefined ? undefined : { format: 'vocabulary', vocabulary, merges, config };
}
