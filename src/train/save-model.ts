/** Writes trained parameters as a Hugging Face checkpoint folder: safetensors in 16 bits, config, tokenizer. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenizerFiles } from '../text/index.ts';
import { writeError } from '../weights/replace-file.ts';
import { type TensorData, writeSafetensors } from '../weights/safetensors-write.ts';
import type { Parameters } from './parameters.ts';

export interface ModelFiles {
  /** Content of config.json. */
  config: Readonly<Record<string, unknown>>;
  tokenizer: TokenizerFiles;
  dtype?: 'F16' | 'BF16' | 'F32';
}

/** @throws QuickstepError 'no-space' when the disk is full. */
export async function saveModel(folder: string, parameters: Parameters, files: ModelFiles): Promise<void> {
  const { config, tokenizer, dtype = 'F16' } = files;
  const write = (name: string, content: unknown) =>
    writeFile(join(folder, name), `${JSON.stringify(content, null, 1)}\n`);
  try {
    await mkdir(folder, { recursive: true });
    await write('tokenizer.json', tokenizer.tokenizer);
    await write('tokenizer_config.json', tokenizer.config);
    await write('config.json', config);
  } catch (error) {
    throw writeError(error, folder);
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape, data }] of parameters) tensors.set(name, { dtype, shape, data });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
}
