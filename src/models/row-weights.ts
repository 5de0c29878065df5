/** How many weights a row of a forward is multiplied with: what decoding costs where attention is cheap. */

import type { LlamaConfig } from './config.ts';

/** Weights of the layers' and the output head's products; of experts those that a row takes. */
export function rowWeights(config: LlamaConfig): number {
  const { hiddenSize: d, intermediateSize, heads, kvHeads, headDim, layers, vocabSize, experts } = config;
  const attention = 2 * d * headDim * (heads + kvHeads);
  const feedForward = 3 * d * intermediateSize * (experts?.chosen ?? 1);
  return layers * (attention + feedForward) + d * vocabSize;
}
