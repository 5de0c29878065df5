/**
 * Certainty forcing (dParallel, 2025): cross entropy of masked tokens, and a penalty on hesitating where the most
 * probable token is the right one already. For each view v of a segment
 *
 *   L(v) = 1/|v| Σ_{i ∈ v} -ln p_i(y_i) + β / max(1, |C(v)|) Σ_{i ∈ C(v)} H(softmax(l_i / T)),
 *   C(v) = { i ∈ v : argmax l_i = y_i }, through which no gradient goes.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { Dim, Value } from '../graph/types.ts';
import type { LlamaConfig } from '../models/config.ts';
import { trainableLlama } from '../models/llama-training.ts';
import { crossEntropyRows, entropyRows, weightedSum } from './losses.ts';
import type { Objective } from './program.ts';
import { plainWeights, type SequenceObjectiveOptions, sequenceInputs } from './sequence-model.ts';

export interface CertaintyOptions extends Pick<SequenceObjectiveOptions, 'weights' | 'checkpointLayers'> {
  /** β; 0 leaves the cross entropy. */
  beta: number;
  /** T, of the entropy alone. */
  temperature: number;
  /** Which masked positions are penalized: those predicted right, or all, which sharpens wrong tokens as well. */
  penalized?: 'right' | 'all';
}

/**
 * Σ over views of share / max(1, |C|) Σ_C H.
 * @param logits [batch·rows, vocab]; targets and weights are [batch·rows], and the view is the rows whose weight is not 0
 * @param inputs of `segmentBatch`
 * @param rows of each view
 */
export function certaintyPenalty(
  b: GraphBuilder,
  logits: Value,
  inputs: { targets: Value; weights: Value; share: Value },
  rows: Dim,
  { temperature, penalized = 'right' }: Omit<CertaintyOptions, 'beta'>,
): Value {
  const { targets, weights, share } = inputs;
  const asked = b.cast(b.less(b.scalar(0), weights), 'float32');
  const isRight = b.cast(b.equal(b.argMax(logits, 1), b.cast(targets, 'int64')), 'float32');
  const chosen = b.reshape(penalized === 'all' ? asked : b.mul(asked, isRight), [share.shape[0], rows]);
  const size = b.maximum(b.reduceSum(chosen, [1]), 1);
  const scaled = b.reshape(b.mul(chosen, b.div(share, size)), weights.shape);
  return weightedSum(b, entropyRows(b, b.mul(logits, 1 / temperature)), b.stopGradient(scaled));
}

/** The loss over batches of `segmentBatch`; metrics are its two terms before β. */
export function certaintyObjective(config: LlamaConfig, options: CertaintyOptions): Objective {
  const { weights: wrap = plainWeights, checkpointLayers, beta } = options;
  return (b, weight) => {
    const inputs = sequenceInputs(b, ['batch', 1, 1, 'rows']);
    const targets = b.input('targets', 'int32', ['batch*rows']);
    const weights = b.input('weights', 'float32', ['batch*rows']);
    const share = b.input('share', 'float32', ['batch', 1]);
    const { logits } = trainableLlama(b, config, wrap(b, weight), inputs, { checkpointLayers });
    const crossEntropy = weightedSum(b, crossEntropyRows(b, logits, targets), weights);
    const entropy = certaintyPenalty(b, logits, { targets, weights, share }, inputs.ids.shape[1], options);
    return { loss: b.add(crossEntropy, b.mul(entropy, beta)), metrics: { crossEntropy, entropy } };
  };
}
