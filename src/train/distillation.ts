/**
 * A draft model learning from the next-token distributions of the model it drafts for, on that model's own answers
 * ("Direct Alignment of Draft Model for Speculative Decoding with Chat-Fine-Tuned LLMs", arXiv:2403.00858, section 2).
 * Both models are in one program; only the draft's weights are trained.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { Value } from '../graph/types.ts';
import type { LlamaConfig } from '../models/config.ts';
import { trainableLlama } from '../models/llama-training.ts';
import {
  advantageTotalVariationRows,
  crossEntropyRows,
  klRows,
  totalVariationRows,
  weightedSum,
} from './losses.ts';
import type { Parameter, Parameters } from './parameters.ts';
import type { Objective } from './program.ts';
import { plainWeights, sequenceInputs } from './sequence-model.ts';

/** What a row of the draft's logits loses against the target's; `cross-entropy` sees the answer's token alone. */
const losses = {
  'cross-entropy': (b, { draft, tokens }) => crossEntropyRows(b, draft, tokens),
  kl: (b, { draft, target }) => klRows(b, target, draft),
  'reverse-kl': (b, { draft, target }) => klRows(b, draft, target),
  tvd: (b, { draft, target }) => totalVariationRows(b, draft, target),
  'tvd++': (b, { draft, target, weights }) => advantageTotalVariationRows(b, draft, target, weights),
} as const satisfies Record<string, (b: GraphBuilder, rows: DistillationRows) => Value>;

interface DistillationRows {
  /** Logits [rows, vocab]. */
  draft: Value;
  target: Value;
  /** [rows] */
  tokens: Value;
  weights: Value;
}

export type DistillationLoss = keyof typeof losses;
export const distillationLosses = Object.keys(losses) as DistillationLoss[];

/** Names of the target's weights beside the draft's. */
const prefix = 'target.';

/** Weights of both models; those of the target under `target.`. */
export function withTarget(draft: Parameters, target: Parameters): Map<string, Parameter> {
  return new Map([...draft, ...[...target].map(([name, weight]) => [prefix + name, weight] as const)]);
}

/** Weights of the draft alone. */
export function withoutTarget(parameters: Parameters): Map<string, Parameter> {
  return new Map([...parameters].filter(([name]) => isTrained(name)));
}

/** Whether a weight is the draft's. */
export const isTrained = (name: string): boolean => !name.startsWith(prefix);

/**
 * Σ weight · loss over the rows of a batch of sequences.ts. Reports `acceptance`, Σ weight · Σ min(p, q): how probable it
 * is that a token drawn from the draft is accepted.
 */
export function distillationObjective(
  config: { draft: LlamaConfig; target: LlamaConfig },
  loss: DistillationLoss,
): Objective {
  return (b, weight) => {
    const inputs = sequenceInputs(b);
    const tokens = b.input('targets', 'int32', ['batch*rows']);
    const weights = b.input('weights', 'float32', ['batch*rows']);
    const teaching = plainWeights(b, (name) => weight(prefix + name));
    const draft = trainableLlama(b, config.draft, plainWeights(b, weight), inputs).logits;
    const target = b.stopGradient(trainableLlama(b, config.target, teaching, inputs).logits);
    const agreed = b.sub(b.scalar(1), totalVariationRows(b, draft, target));
    return {
      loss: weightedSum(b, losses[loss](b, { draft, target, tokens, weights }), weights),
      metrics: {
        acceptance: weightedSum(b, agreed, weights),
        crossEntropy: weightedSum(b, crossEntropyRows(b, draft, tokens), weights),
      },
    };
  };
}
