/**
 * Corruption: what stands at a position of a canvas that is not decided yet. Mask models know a token of its own for it
 * (LLaDA, Dream); for uniform ones it is any token of the vocabulary, drawn anew in each step, and the model has to find
 * out which tokens to believe (Austin et al. 2021, arXiv:2107.03006; DiffusionGemma).
 */

import { type RandomKey, randomStreams, uniform } from './random.ts';

export type Corruption =
  | { readonly kind: 'mask'; readonly maskId: number }
  | { readonly kind: 'uniform'; readonly vocabSize: number };

/** The token an undecided position is fed as. */
export function corruptToken(corruption: Corruption, key: Omit<RandomKey, 'stream'>): number {
  if (corruption.kind === 'mask') return corruption.maskId;
  return Math.floor(corruption.vocabSize * uniform({ ...key, stream: randomStreams.noise }));
}
