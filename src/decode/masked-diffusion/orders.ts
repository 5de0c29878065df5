/**
 * Orders: how sure a prediction is, so that the surest are committed first. Names and definitions are those of LLaDA
 * (Nie et al. 2025, arXiv:2502.09992, "remasking") and Dream (Ye et al. 2025, arXiv:2508.15487, `alg`). Larger is surer.
 */

import { normalizer } from '../sampling/softmax.ts';

export const orders = ['low_confidence', 'entropy', 'margin', 'random', 'origin'] as const;
export type Order = (typeof orders)[number];

/** Keeps 0 · log 0 finite, as in Dream's sampler. */
const epsilon = 1e-10;

/** softmax(l)[x0]: LLaDA's low_confidence, Dream's maskgit_plus when x0 is the argmax. */
function probability(logits: Float32Array, token: number): number {
  const { max, sum } = normalizer(logits);
  return Math.exp(logits[token] - max) / sum;
}

/** Σ p ln(p + ε), the negative entropy in nats. */
function negativeEntropy(logits: Float32Array): number {
  const { max, sum } = normalizer(logits);
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const p = Math.exp(logits[id] - max) / sum;
    total += p * Math.log(p + epsilon);
  }
  return total;
}

/** p1 - p2, Dream's topk_margin. */
function margin(logits: Float32Array): number {
  let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id];
    if (value > first) [first, second] = [value, first];
    else if (value > second) second = value;
  }
  const { max, sum } = normalizer(logits);
  return (Math.exp(first - max) - Math.exp(second - max)) / sum;
}

/** Orders that are read off the logits [vocabulary] and the chosen token; the others are random. */
export const measures: Partial<Record<Order, (logits: Float32Array, token: number) => number>> = {
  low_confidence: probability,
  entropy: negativeEntropy,
  margin,
};
