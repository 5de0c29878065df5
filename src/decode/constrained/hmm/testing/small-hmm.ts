/** Small random hidden Markov models, and their definition as a sum over paths. Test support. */

import { uniform } from '../../../random.ts';
import { Hmm, type HmmFacts, hmmShapes } from '../hmm.ts';

/**
 * A model of random probabilities.
 * @param rare Factor on those of all tokens but the first.
 */
export function randomHmm(facts: Omit<HmmFacts, 'model'>, seed: number, rare = 1): Hmm {
  const weights = new Map<string, Float32Array>();
  for (const [step, [name, shape]] of [...hmmShapes(facts)].entries()) {
    const data = new Float32Array(shape.reduce((a, n) => a * n, 1));
    for (let position = 0; position < data.length; position++) {
      const isRare = name === 'emission' && position >= facts.states;
      const draw = 0.02 + uniform({ seed, stream: 21, step, position });
      data[position] = Math.log(draw * (isRare ? rare : 1));
    }
    weights.set(name, data);
  }
  return new Hmm({ model: 'random', ...facts }, weights);
}

/** p(tokens) as the sum over all paths of hidden states. */
export function pathProbability(
  { facts, initial, transition, emission }: Hmm,
  tokens: readonly number[],
): number {
  const { states } = facts;
  const from = (t: number, state: number): number => {
    const here = emission[tokens[t] * states + state];
    if (t === tokens.length - 1) return here;
    let sum = 0;
    for (let next = 0; next < states; next++) sum += transition[state * states + next] * from(t + 1, next);
    return here * sum;
  };
  if (tokens.length === 0) return 1;
  let sum = 0;
  for (let state = 0; state < states; state++) sum += initial[state] * from(0, state);
  return sum;
}
