/** A model's own distribution behind a text, apart from any method. */

import { generate } from '../decode/generate.ts';
import type { LanguageModel } from '../models/language-model.ts';

/** Probabilities of the token behind these, [vocabulary]. */
export async function nextProbabilities(
  model: LanguageModel,
  tokens: readonly number[],
  signal?: AbortSignal,
): Promise<Float64Array> {
  let probabilities = new Float64Array(0);
  const keep = (logits: Float32Array) => {
    const max = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
    const weights = Float64Array.from(logits, (logit) => Math.exp(logit - max));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    probabilities = weights.map((weight) => weight / total);
  };
  await generate(model, { tokens }, { maxTokens: 1, processors: [keep], signal }).result;
  return probabilities;
}
