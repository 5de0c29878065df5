/** The exact distribution of how sampled answers of a model begin, for tests of samplers. Test support. */

import type { LanguageModel } from '../../models/language-model.ts';
import type { SamplingInput } from '../sampling/options.ts';
import { createSampler } from '../sampling/sampler.ts';

/** Probability of every pair of first tokens that can come, by `${first} ${second}`; a forward for each first token. */
export async function exactBeginnings(
  model: LanguageModel,
  prompt: readonly number[],
  sampling: SamplingInput,
): Promise<Map<string, number>> {
  const sampler = createSampler(sampling);
  const distributionAfter = async (tokens: readonly number[]) => {
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const all = [...prompt, ...tokens];
    const group = { sequence, tokens: all, scored: [all.length - 1] };
    const { scores } = await model.forward(cache, [group], { logits: true });
    const context = { promptTokens: prompt, generatedTokens: tokens, step: tokens.length };
    return sampler.distribution(scores[0].logits(0).slice(), context);
  };
  const exact = new Map<string, number>();
  const { ids, probs } = await distributionAfter([]);
  for (const [rank, first] of ids.entries()) {
    const next = await distributionAfter([first]);
    for (const [nextRank, second] of next.ids.entries())
      exact.set(`${first} ${second}`, probs[rank] * next.probs[nextRank]);
  }
  return exact;
}

/** Counts of beginnings in the order of `exact`, and its probabilities, as the chi-square test takes them. */
export function countsOf(exact: ReadonlyMap<string, number>, answers: readonly (readonly number[])[]) {
  const cells = [...exact.keys()];
  const counts = new Array<number>(cells.length).fill(0);
  for (const tokens of answers) {
    const cell = cells.indexOf(tokens.slice(0, 2).join(' '));
    if (cell === -1) throw new Error(`an answer that cannot come: ${tokens.join(' ')}`);
    counts[cell]++;
  }
  return { counts, probabilities: [...exact.values()] };
}

/** The probabilities a little flatter: a test that passes for them as well tells nothing. */
export function skewed(probabilities: readonly number[]): number[] {
  const powers = probabilities.map((probability) => probability ** 0.6);
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
