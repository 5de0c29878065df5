/**
 * Checkpoints in Hugging Face layout: a folder with config.json, tokenizer.json and one safetensors file or several
 * named by model.safetensors.index.json, or a lone .safetensors file with such files beside it. Everything read is
 * untrusted: JSON files are bounded and shard names may not leave the folder.
 */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import type { Checkpoint, TensorInfo, TokenizerData } from './checkpoint.ts';
import { type Folder, readJson } from './folder.ts';
import { llamaName } from './llada-names.ts';
import { readSafetensorsHeader, type SafetensorsTensor } from './safetensors.ts';
import type { WeightFile } from './weight-file.ts';

const INDEX = 'model.safetensors.index.json';
const MAX_SHARDS = 1024;

const indexSchema = z.object({
  weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.safetensors$/)),
});

/** A tensor and the file it is in. */
interface Entry {
  file: WeightFile;
  tensor: SafetensorsTensor;
}

/**
 * Opens a folder in Hugging Face layout.
 * @param openGguf Opens the folder's file of that name; without it, GGUF files do not count.
 * @throws QuickstepError `not-found`, `bad-file` or `unsupported`.
 */
export async function openFolder(
  folder: Folder,
  openGguf?: (name: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const names = await folder.names();
  const index = names.includes(INDEX) ? await readJson(folder, INDEX) : undefined;
  if (index) return openFiles(folder.path, folder, shardsOf(folder.path, index));
  const safetensors = names.filter((name) => name.endsWith('.safetensors'));
  const single = names.includes('model.safetensors') ? 'model.safetensors' : only(folder.path, safetensors);
  if (single) return openFiles(folder.path, folder, new Map([[single, undefined]]));
  const ggufs = openGguf ? names.filter((name) => name.endsWith('.gguf')) : [];
  const gguf = only(folder.path, ggufs);
  if (gguf) return openGguf!(gguf);
  const legacy = names.find((name) => /\.(bin|pt|pth)$/.test(name));
  if (legacy) {
    throw new QuickstepError(
      'unsupported',
      `"${folder.path}" holds weights only as "${legacy}", a pickle that could run code.`,
      'Convert them to safetensors first.',
    );
  }
  throw new QuickstepError(
    'not-found',
    `"${folder.path}" holds no .safetensors or .gguf file.`,
    'Check the path.',
  );
}

/** Opens the configuration and tokenizer files of a folder whose weights are elsewhere; it has no tensors. */
export function openConfigFolder(folder: Folder): Promise<Checkpoint> {
  return openFiles(folder.path, folder, new Map());
}

/** Opens a lone file of a folder, with the configuration and tokenizer files beside it when there are any. */
export async function openSafetensorsFile(folder: Folder, name: string, path: string): Promise<Checkpoint> {
  return openFiles(path, folder, new Map([[name, undefined]]));
}

/** Opens `shards` (file name to the tensors expected in it, undefined for all) as one checkpoint. */
async function openFiles(
  path: string,
  folder: Folder,
  shards: ReadonlyMap<string, readonly string[] | undefined>,
): Promise<Checkpoint> {
  const entries = new Map<string, Entry>();
  const files: WeightFile[] = [];
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    for (const [name, expected] of shards) {
      const file = await folder.open(name);
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
      `"${folder}/${INDEX}" does not map tensors to .safetensors files of its own folder.`,
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

async function readTokenizer(folder: Folder): Promise<TokenizerData | undefined> {
  const tokenizer = await readJson(folder, 'tokenizer.json');
  const vocabulary = tokenizer ? undefined : await readJson(folder, 'vocab.json');
  if (!tokenizer && !vocabulary) return undefined;
  const config = (await readJson(folder, 'tokenizer_config.json')) ?? {};
  // Newer repositories keep the template in a file of its own.
  const template = await folder.text('chat_template.jinja');
  if (template !== undefined && config.chat_template === undefined) config.chat_template = template;
  if (tokenizer) return { format: 'json', tokenizer, config };
  const merges = await folder.text('merges.txt');
  return merges === undefined ? undefined : { format: 'vocabulary', vocabulary, merges, config };
}
