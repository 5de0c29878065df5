/**
 * Hidden Markov models over tokens: hidden state z emits token x, then moves on.
 *
 *   p(x_0..x_n) = Σ_z π(z_0) B(z_0, x_0) Π A(z_i-1, z_i) B(z_i, x_i)
 *
 * Sums over hidden states are taken with their largest term at 1 and its logarithm kept beside them, so that no text is
 * too long or too improbable.
 */

import { z } from 'zod';
import { QuickstepError } from '../../../errors.ts';

/** What is known of a model beside its probabilities. */
export const hmmSchema = z.object({
  /** The language model whose answers it was made from. */
  model: z.string().max(200),
  /** h */
  states: z.int().min(1).max(4096),
  /** V: tokens are numbers below this. */
  vocabulary: z
    .int()
    .min(1)
    .max(1 << 20),
});

export type HmmFacts = z.output<typeof hmmSchema>;

/** Names and shapes of logarithms of probabilities. */
export function hmmShapes({ states, vocabulary }: Pick<HmmFacts, 'states' | 'vocabulary'>) {
  return new Map<string, readonly number[]>([
    ['initial', [states]],
    ['transition', [states, states]],
    // A row for each token, so that those of an answer can be gathered.
    ['emission', [vocabulary, states]],
  ]);
}

/** Beliefs about the hidden state before the next token is emitted; they sum to 1. */
export type Belief = Float64Array;

export class Hmm {
  readonly facts: HmmFacts;
  /** Logarithms, named and shaped as `hmmShapes` says. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** π [h] */
  readonly initial: Float64Array;
  /** A [h, h], rows sum to 1. */
  readonly transition: Float64Array;
  /** B transposed, [V, h]; columns sum to 1. */
  readonly emission: Float64Array;

  /** @throws QuickstepError 'bad-file' for weights that are no logarithms of probabilities */
  constructor(facts: HmmFacts, weights: ReadonlyMap<string, Float32Array>) {
    this.facts = facts;
    this.weights = weights;
    const { states } = facts;
    const read = (name: string) => Float64Array.from(weights.get(name)!, Math.exp);
    const [initial, transition, emission] = [read('initial'), read('transition'), read('emission')];
    // Float32 logarithms sum to 1 but for rounding.
    this.initial = scaled(initial, (_) => 0, 1);
    this.transition = scaled(transition, (i) => Math.floor(i / states), states);
    this.emission = scaled(emission, (i) => i % states, states);
  }

  /** p(x | belief), for each token x: [V]. */
  next(belief: Belief): Float64Array {
    const { states, vocabulary } = this.facts;
    const { emission } = this;
    return Float64Array.from({ length: vocabulary }, (_, token) => {
      let sum = 0;
      for (let state = 0, at = token * states; state < states; state++, at++)
        sum += belief[state] * emission[at];
      return sum;
    });
  }

  /** The belief after a token. */
  advance(belief: Belief, token: number): Belief {
    const { states } = this.facts;
    const { transition, emission } = this;
    const after = new Float64Array(states);
    let total = 0;
    for (let state = 0; state < states; state++) {
      const mass = belief[state] * emission[token * states + state];
      total += mass;
      for (let to = 0; to < states; to++) after[to] += mass * transition[state * states + to];
    }
    // What is next to impossible says nothing of the hidden state.
    if (!(total > 0)) return this.initial;
    for (let to = 0; to < states; to++) after[to] /= total;
    return after;
  }

  /** log p(tokens), in nats. */
  logProbability(tokens: readonly number[]): number {
    let belief: Belief = this.initial;
    let sum = 0;
    for (const token of tokens) {
      sum += Math.log(this.next(belief)[token]);
      belief = this.advance(belief, token);
    }
    return sum;
  }
}

/** Values divided by the sum of their group. */
function scaled(values: Float64Array, groupOf: (index: number) => number, groups: number): Float64Array {
  const sums = new Float64Array(groups);
  for (const [index, value] of values.entries()) sums[groupOf(index)] += value;
  if (!sums.every((sum) => sum > 0 && sum < Number.POSITIVE_INFINITY)) {
    const hint = 'Distil it again: quickstep train deco-g.';
    throw new QuickstepError(
      'bad-file',
      'The hidden Markov model has weights that are no probabilities.',
      hint,
    );
  }
  return values.map((value, index) => value / sums[groupOf(index)]);
}
