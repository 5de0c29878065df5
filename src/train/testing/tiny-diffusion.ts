/** A masked-diffusion model of random weights, on disk, for tests of recipes that have a teacher. */

import { freshWeights, houseModel } from '../recipes/house.ts';
import { saveModel } from '../save-model.ts';

/** Writes it into a folder; like house-diffusion but for its size. */
export async function writeTinyDiffusion(folder: string, { seed = 5, shift = true } = {}): Promise<void> {
  const size = { hiddenSize: 16, intermediateSize: 32, layers: 1, heads: 2 };
  const overrides = { is_causal: false, shift_logits: shift, mask_token_id: 1, max_position_embeddings: 128 };
  const { file, config, files } = await houseModel(size, overrides);
  await saveModel(folder, freshWeights(config, seed), { config: file, tokenizer: files });
}
