/**
 * Losses over rows of logits [rows, vocab]. Each row has a weight, so that masks, the normalization over a step and
 * the 1/t of masked diffusion are one mechanism: a loss is Σ weight · term, and weights that sum to 1 over a step
 * (its accumulated batches included) make it a mean.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { Value } from '../graph/types.ts';

/** -log p(target) of each row [rows]; targets are integers [rows]. */
export function crossEntropyRows(b: GraphBuilder, logits: Value, targets: Value): Value {
  const [rows] = logits.shape;
  const picked = b.gatherElements(b.logSoftmax(logits), b.reshape(targets, [rows, 1]));
  return b.neg(b.reshape(picked, [rows]));
}

/**
 * Binary cross entropy of logits z with labels y in {0, 1}, element by element:
 *   -y log σ(z) - (1 - y) log(1 - σ(z)) = max(z, 0) - z y + log(1 + e^-|z|).
 */
export function binaryCrossEntropy(b: GraphBuilder, logits: Value, labels: Value): Value {
  const tail = b.log(b.add(b.exp(b.neg(b.abs(logits))), 1));
  return b.add(b.sub(b.maximum(logits, 0), b.mul(logits, labels)), tail);
}

/** Σ weight · term over rows [rows]; a scalar. */
export function weightedSum(b: GraphBuilder, terms: Value, weights: Value): Value {
  return b.reduceSum(b.mul(terms, weights), [0], false);
}

/** KL(p ‖ q) = Σ p (log p - log q) of each row [rows], both as logits; no gradient is stopped. */
export function klRows(b: GraphBuilder, p: Value, q: Value): Value {
  const logP = b.logSoftmax(p);
  return b.reduceSum(b.mul(b.exp(logP), b.sub(logP, b.logSoftmax(q))), [1], false);
}

/** Total variation ½ Σ |p - q| of each row [rows], both as logits. */
export function totalVariationRows(b: GraphBuilder, p: Value, q: Value): Value {
  return b.mul(b.reduceSum(b.abs(b.sub(b.softmax(p), b.softmax(q))), [1], false), 0.5);
}

/**
 * TVD++ ("Direct Alignment of Draft Model for Speculative Decoding with Chat-Fine-Tuned LLMs", arXiv:2403.00858): total
 * variation to a fixed `target` as a policy gradient, with the reward's advantage in place of the reward. With p of the
 * trained logits and q of the target,
 *
 *   ∇ TV = -E_{x~p}[r(x) ∇ log p(x)],  r(x) = 1 where q(x) > p(x), else 0
 *   TVD++ = -Σ sg(p(x) A(x)) log p(x),  A(x) = (r(x) - μ) / σ
 *
 * of each row [rows]; μ and σ are those of r over all rows, weighted by `weights` [rows] and p. Its value means nothing,
 * only its gradient does: as Σ p ∇ log p = 0, that is ∇ TV / σ.
 */
export function advantageTotalVariationRows(
  b: GraphBuilder,
  logits: Value,
  target: Value,
  weights: Value,
): Value {
  const p = b.stopGradient(b.softmax(logits));
  const q = b.stopGradient(b.softmax(target));
  const reward = b.cast(b.less(p, q), 'float32');
  const mean = b.div(
    weightedSum(b, b.reduceSum(b.mul(p, reward), [1], false), weights),
    b.reduceSum(weights, [0], false),
  );
  // r is 0 or 1, so that its variance is μ - μ².
  const deviation = b.add(b.sqrt(b.sub(mean, b.mul(mean, mean))), 1e-6);
  const advantage = b.stopGradient(b.div(b.sub(reward, mean), deviation));
  return b.neg(b.reduceSum(b.mul(b.mul(p, advantage), b.logSoftmax(logits)), [1], false));
}

/** Entropy -Σ p log p of each row [rows]. */
export function entropyRows(b: GraphBuilder, logits: Value): Value {
  const logP = b.logSoftmax(logits);
  return b.neg(b.reduceSum(b.mul(b.exp(logP), logP), [1], false));
}

/** (x - y)² of each row, averaged over the columns [rows]. */
export function squaredErrorRows(b: GraphBuilder, x: Value, y: Value): Value {
  const difference = b.sub(x, y);
  return b.reduceMean(b.mul(difference, difference), [1], false);
}

/**
 * PPO's clipped surrogate (Schulman et al. 2017, eq. 7), negated to be minimized, of each row [rows]:
 *   -min(r A, clip(r, 1 - ε, 1 + ε) A),  r = exp(log p - old log p).
 * With old log probabilities equal to the current ones its gradient is REINFORCE's, -A ∇log p.
 */
export function clippedSurrogate(
  b: GraphBuilder,
  logProbabilities: Value,
  { oldLogProbabilities, advantages }: { oldLogProbabilities: Value; advantages: Value },
  epsilon = 0.2,
): Value {
  const ratio = b.exp(b.sub(logProbabilities, oldLogProbabilities));
  const clipped = minimum(b, b.maximum(ratio, 1 - epsilon), b.scalar(1 + epsilon));
  return b.neg(minimum(b, b.mul(ratio, advantages), b.mul(clipped, advantages)));
}

/** The clipped surrogate of tokens [rows] under rows of logits. */
export function policyGradientRows(
  b: GraphBuilder,
  logits: Value,
  { tokens, ...sampled }: { tokens: Value; oldLogProbabilities: Value; advantages: Value },
  epsilon = 0.2,
): Value {
  return clippedSurrogate(b, b.neg(crossEntropyRows(b, logits, tokens)), sampled, epsilon);
}

/**
 * An estimate of KL(p ‖ reference) from tokens drawn from p, of each row [rows]: e^d - d - 1 with d = log reference -
 * log p, never negative (GRPO, Shao et al. 2024, arXiv:2402.03300, eq. 4). Through p alone it has a gradient.
 */
export function klEstimate(b: GraphBuilder, logProbabilities: Value, reference: Value): Value {
  const difference = b.sub(b.stopGradient(reference), logProbabilities);
  return b.sub(b.sub(b.exp(difference), difference), 1);
}

const minimum = (b: GraphBuilder, x: Value, y: Value) => b.neg(b.maximum(b.neg(x), b.neg(y)));
