/**
 * Hidden Markov models by expectation maximization (Baum et al. 1970), on the trainer that everything else is trained on.
 * The parameters are logarithms of probabilities, and the derivative of the log-likelihood by one of them is how often it is
 * expected to have been used:
 *
 *   ∂ log p(x) / ∂ log θ = E[uses of θ | x]
 *
 * The gradients of all answers are the expectation step, and normalizing them is the maximization step.
 */

import { hmmShapes } from '../decode/constrained/hmm/hmm.ts';
import { float32, type Shape, tensor, type Value } from '../graph/types.ts';
import type { Optimizer, Update } from './optimizers/optimizer.ts';
import type { Parameter } from './parameters.ts';
import type { Batch, Objective } from './program.ts';

/** Tokens of answers, each with its end token. */
export type Answers = readonly (readonly number[])[];

/**
 * Σ weight · -log p(x_t | x_<t), by the forward algorithm with its sums scaled to 1 at each token.
 * @param length Tokens of the longest answer.
 */
export function hmmObjective(length: number): Objective {
  return (b, weight) => {
    const tokens = b.input('tokens', 'int32', [length, 'answers']);
    const weights = b.input('weights', 'float32', [length, 'answers']);
    const transition = b.exp(weight('transition'));
    const row = (x: Value, t: number, shape: Shape) => b.reshape(b.slice(x, 0, t, t + 1), shape);
    let belief = b.exp(b.reshape(weight('initial'), [1, transition.shape[0]]));
    let sum: Value | undefined;
    for (let t = 0; t < length; t++) {
      const emitted = b.exp(b.gather(weight('emission'), row(tokens, t, ['answers'])));
      const joint = b.mul(belief, emitted);
      const total = b.reduceSum(joint, [1]);
      const terms = b.mul(b.log(total), row(weights, t, ['answers', 1]));
      const log = b.reduceSum(terms, [0, 1], false);
      sum = sum ? b.add(sum, log) : log;
      if (t < length - 1) belief = b.matmul(b.div(joint, total), transition);
    }
    return { loss: b.neg(sum!) };
  };
}

/** Answers as a batch; each token weighs 1 / `normalizer`, padding nothing. */
export function hmmBatch(answers: Answers, length: number, pad: number, normalizer: number): Batch {
  const count = answers.length;
  const tokens = new Int32Array(length * count).fill(pad);
  const weights = new Float32Array(length * count);
  for (const [n, answer] of answers.entries()) {
    for (const [t, token] of answer.entries()) {
      tokens[t * count + n] = token;
      weights[t * count + n] = 1 / normalizer;
    }
  }
  return { tokens: tensor('int32', [length, count], tokens), weights: float32([length, count], weights) };
}

/** Logarithms of counts with a little added to each, normalized within their group. */
function logShares(
  { shape, data }: Parameter,
  counts: ArrayLike<number>,
  pseudocount: number,
  byColumn: boolean,
): void {
  const columns = shape[shape.length - 1];
  const groupOf = (index: number) => (byColumn ? index % columns : Math.floor(index / columns));
  const groups = byColumn ? columns : data.length / columns;
  const each = pseudocount / (data.length / groups);
  const sums = new Float64Array(groups);
  for (let i = 0; i < data.length; i++) sums[groupOf(i)] += counts[i] + each;
  for (let i = 0; i < data.length; i++) data[i] = Math.log((counts[i] + each) / sums[groupOf(i)]);
}

/** Replaces the parameters by what they were expected to have been used, as an optimizer. */
export class ExpectationMaximization implements Optimizer {
  readonly state: ReadonlyMap<string, Parameter> = new Map();
  readonly #normalizer: number;
  readonly #pseudocount: number;

  /**
   * @param normalizer Of the batches: it makes counts of gradients.
   * @param pseudocount Uses added to each distribution, spread evenly: what was never seen stays possible.
   */
  constructor(normalizer: number, pseudocount: number) {
    this.#normalizer = normalizer;
    this.#pseudocount = pseudocount;
  }

  async update({ parameters, gradients }: Update): Promise<void> {
    for (const [name, gradient] of gradients) {
      const counts = Float64Array.from(gradient, (g) => Math.max(0, -g * this.#normalizer));
      logShares(parameters.get(name)!, counts, this.#pseudocount, name === 'emission');
    }
  }
}

/** Share of the hidden states that stand for two tokens. */
const pairShare = 0.75;

/**
 * A first model, in which a hidden state stands for the token it emits and the one before: for the most frequent pairs, then
 * for the most frequent tokens whose pair is none of those, and one for all else. Its probabilities are shares of what occurs
 * in the answers; expectation maximization goes on from there.
 */
export function contextHmm(
  answers: Answers,
  { states, vocabulary }: { states: number; vocabulary: number },
  pseudocount: number,
): Map<string, Parameter> {
  const pair = (answer: readonly number[], t: number) => `${answer[t - 1] ?? ''},${answer[t]}`;
  const alone = (answer: readonly number[], t: number) => `${answer[t]}`;
  const numbers = new Map<string, number>();
  const number = (
    count: number,
    key: typeof pair,
    counts: (answer: readonly number[], t: number) => boolean,
  ) => {
    const times = new Map<string, number>();
    for (const answer of answers) {
      for (const t of answer.keys()) {
        if (counts(answer, t)) times.set(key(answer, t), (times.get(key(answer, t)) ?? 0) + 1);
      }
    }
    const frequent = [...times].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, count);
    for (const [context] of frequent) numbers.set(context, numbers.size);
  };
  const pairs = Math.floor(pairShare * states);
  number(pairs, pair, () => true);
  number(states - 1 - numbers.size, alone, (answer, t) => !numbers.has(pair(answer, t)));
  const stateOf = (answer: readonly number[], t: number) =>
    numbers.get(pair(answer, t)) ?? numbers.get(alone(answer, t)) ?? states - 1;

  const counts = new Map(
    [...hmmShapes({ states, vocabulary })].map(([name, shape]) => [
      name,
      { shape, counts: new Float64Array(shape.reduce((a, n) => a * n, 1)) },
    ]),
  );
  const add = (name: string, index: number) => counts.get(name)!.counts[index]++;
  for (const answer of answers) {
    add('initial', stateOf(answer, 0));
    for (const [t, token] of answer.entries()) {
      const state = stateOf(answer, t);
      add('emission', token * states + state);
      if (t + 1 < answer.length) add('transition', state * states + stateOf(answer, t + 1));
    }
  }
  return new Map(
    [...counts].map(([name, { shape, counts: uses }]) => {
      const parameter = float32(shape, new Float32Array(uses.length));
      logShares(parameter, uses, pseudocount, name === 'emission');
      return [name, parameter];
    }),
  );
}
