/** The objective of sequence models: weighted cross entropy of a trainable Llama over the batches of sequences.ts. */

import type { GraphBuilder } from '../graph/builder.ts';
import type { Shape, Value } from '../graph/types.ts';
import type { LlamaConfig } from '../models/config.ts';
import { type TrainableInputs, type TrainableWeights, trainableLlama } from '../models/llama-training.ts';
import { dropoutInputs } from './dropout.ts';
import { crossEntropyRows, weightedSum } from './losses.ts';
import type { Objective } from './program.ts';

/** Weights as they are: products with [out, in] matrices. */
export function plainWeights(b: GraphBuilder, weight: (name: string) => Value): TrainableWeights {
  return { value: weight, linear: (name, x) => b.matmul(x, weight(name), { transposeB: true }) };
}

/** Sequences of a batch side by side, and an attention bias of a shape that spreads to [batch, heads, rows, rows]. */
export function sequenceInputs(b: GraphBuilder, bias: Shape = [1, 1, 'rows', 'rows']): TrainableInputs {
  return {
    ids: b.input('ids', 'int32', ['batch', 'rows']),
    positions: b.input('positions', 'int32', ['batch', 'rows']),
    bias: b.input('bias', 'float32', bias),
  };
}

export interface SequenceObjectiveOptions {
  /** How weights become products; adapters (lora.ts) extend `plainWeights` here. */
  weights?: (b: GraphBuilder, weight: (name: string) => Value) => TrainableWeights;
  /** Recompute each layer in the backward pass instead of keeping its activations. */
  checkpointLayers?: boolean;
  /** Share of the residual updates to drop; batches then need `dropoutMasks`. Default 0. */
  dropout?: number;
}

/** Σ weight · -log p(target) over all rows of a batch. */
export function sequenceObjective(config: LlamaConfig, options: SequenceObjectiveOptions = {}): Objective {
  const { weights: wrap = plainWeights, checkpointLayers, dropout = 0 } = options;
  return (b, weight) => {
    // Where prompts end differs from example to example.
    const inputs = sequenceInputs(b, [config.causalPrompt ? 'batch' : 1, 1, 'rows', 'rows']);
    const targets = b.input('targets', 'int32', ['batch*rows']);
    const weights = b.input('weights', 'float32', ['batch*rows']);
    const { logits } = trainableLlama(b, config, wrap(b, weight), inputs, {
      checkpointLayers,
      dropout: dropout > 0 ? dropoutInputs(b, dropout) : undefined,
    });
    return { loss: weightedSum(b, crossEntropyRows(b, logits, targets), weights) };
  };
}
