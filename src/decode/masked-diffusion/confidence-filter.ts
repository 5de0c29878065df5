/**
 * The filter of Learn2PD (2025): a two-layer perceptron over the confidences of a block, whose outputs say of each
 * position whether its prediction is the one it will end with. Small enough for plain loops: 2,112 numbers for B = 32.
 *
 *   z = W₂ relu(W₁ c + b₁) + b₂,   c, z ∈ R^B
 */

import { z } from 'zod';
import type { Block, Predictions } from './parts.ts';

const size = z.int().min(1).max(1024);

/** What is known of a filter beside its weights. */
export const filterSchema = z.object({
  /** The model whose confidences it was trained on. */
  model: z.string().max(200),
  /** B: positions of a block. */
  blockLength: size,
  /** Length of b₁. */
  hiddenSize: size,
  maskTokenId: z.int().min(0),
  shiftLogits: z.boolean(),
  /** Accept where sigmoid(z) is above this: few enough were wrong on validation data. */
  tau: z.number().min(0).max(1),
  /** The confidence above which as few of the same predictions were wrong, without a filter: what to compare with. */
  confidence: z.number().min(0).max(1),
});

export type FilterFacts = z.output<typeof filterSchema>;

/** Names and shapes of a filter's weights. */
export function filterShapes({
  blockLength,
  hiddenSize,
}: Pick<FilterFacts, 'blockLength' | 'hiddenSize'>): ReadonlyMap<string, readonly number[]> {
  return new Map([
    ['hidden.weight', [hiddenSize, blockLength]],
    ['hidden.bias', [hiddenSize]],
    ['output.weight', [blockLength, hiddenSize]],
    ['output.bias', [blockLength]],
  ]);
}

/** W x + b for W [rows, columns]. */
function affine(weight: Float32Array, bias: Float32Array, x: ArrayLike<number>): Float64Array {
  return Float64Array.from(bias, (start, row) => {
    let sum = start;
    for (let column = 0; column < x.length; column++) sum += weight[row * x.length + column] * x[column];
    return sum;
  });
}

export class ConfidenceFilter {
  readonly facts: FilterFacts;
  readonly weights: ReadonlyMap<string, Float32Array>;

  /** @param weights by name, with the shapes of `filterShapes` */
  constructor(facts: FilterFacts, weights: ReadonlyMap<string, Float32Array>) {
    this.facts = facts;
    this.weights = weights;
  }

  /** sigmoid(z) of each position [blockLength], from the confidences of the block [blockLength]. */
  probabilities(confidence: ArrayLike<number>): Float64Array {
    const weight = (name: string) => this.weights.get(name)!;
    const hidden = affine(weight('hidden.weight'), weight('hidden.bias'), confidence);
    const active = hidden.map((value) => Math.max(0, value));
    const output = affine(weight('output.weight'), weight('output.bias'), active);
    return output.map((value) => 1 / (1 + Math.exp(-value)));
  }
}

/**
 * [length] Confidence by place in the block, of decided positions too; all of the block must have been looked at. A block
 * that is cut short counts as one that is decided there: 1.
 */
export function blockConfidences(
  { positions, confidence }: Pick<Predictions, 'positions' | 'confidence'>,
  { start, end }: Block,
  length: number,
): Float64Array {
  const out = new Float64Array(length).fill(1);
  for (const [index, position] of positions.entries())
    if (position >= start && position < end) out[position - start] = confidence[index];
  return out;
}
