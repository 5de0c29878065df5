/** Writes trained parameters as a Hugging Face checkpoint folder: safetensors in 16 bits, config, tokenizer. */

import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TensorData, writeError, writeSafetensors } from '../weights/safetensors-write.ts';
import type { Parameters } from './parameters.ts';

export interface ModelFiles {
  /** Content of config.json. */
  config: Readonly<Record<string, unknown>>;
  /** Folder whose tokenizer.json and tokenizer_config.json are copied. */
  tokenizerFolder: string;
  dtype?: 'F16' | 'BF16' | 'F32';
}

/** @throws QuickstepError 'no-space' when the disk is full. */
export async function saveModel(folder: string, parameters: Parameters, files: ModelFiles): Promise<void> {
  const { config, tokenizerFolder, dtype = 'F16' } = files;
  try {
    await mkdir(folder, { recursive: true });
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      const [from, to] = [join(tokenizerFolder, name), join(folder, name)];
      if (from !== to) await copyFile(from, to);
    }
    await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 1)}\n`);
  } catch (error) {
    throw writeError(error, folder);
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape, data }] of parameters) tensors.set(name, { dtype, shape, data });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
}
