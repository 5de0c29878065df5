/**
 * Decoding on graphs (DoG, "Decoding on Graphs: Faithful and Sound Reasoning on Knowledge Graphs through Generation of
 * Well-Formed Chains", 2024): chains of triples under `wellFormedChains`, several side by side, whose answers are put to a
 * vote. What keeps chains faithful is the constraint, which goes with any method; this one adds the search.
 */

import { z } from 'zod';
import { beamOptions, beamPhases, type Finished } from '../baseline/beam.ts';
import { defineMethod } from '../method.ts';
import type { Run } from '../run.ts';
import { readChain } from './graph/triple-text.ts';

const options = z.strictObject({
  beams: beamOptions.shape.beams
    .unwrap()
    .default(3)
    .describe('How many chains are followed at once; 1 is greedy.'),
  score: z
    .enum(['legal', 'model'])
    .default('legal')
    .describe(
      "Chains rank by their tokens' probabilities among those the graph allows, or by the model's own, which also tell how well a chain suits the question where there is no choice.",
    ),
  vote: z
    .boolean()
    .default(true)
    .describe('Answers of several chains add up, weighted by the mean probability of their tokens.'),
});

/** The best chain of the answer that chains of most weight end in. */
function elected(run: Run, finished: readonly Finished[]): Finished {
  const answerOf = ({ choices }: Finished) => {
    const text = run.textOf(choices.map(({ token }) => token).filter((token) => !run.eosIds.includes(token)));
    return readChain(text).answers.join('\n');
  };
  const weights = new Map<string, number>();
  for (const one of finished) {
    const answer = answerOf(one);
    weights.set(answer, (weights.get(answer) ?? 0) + Math.exp(one.score));
  }
  // A map keeps the order of its keys, so that the better chain wins a tie.
  const [winner] = [...weights].reduce((best, one) => (one[1] > best[1] ? one : best));
  return finished.find((one) => answerOf(one) === winner)!;
}

export const decodingOnGraphs = defineMethod({
  slug: 'decoding-on-graphs',
  title: 'Decoding on Graphs',
  family: 'constrained',
  summary:
    'Follows several chains of facts side by side and answers with what most of them lead to; for constraints of a graph.',
  options,
  needs: ['causal'],
  sampling: 'greedy',
  guarantee: 'own',
  baseline: 'beam-search',
  phases: ({ beams, score, vote }, run) =>
    beamPhases(
      {
        beams,
        lengthPenalty: 1,
        earlyStopping: false,
        legal: score === 'legal',
        ...(vote && { elect: (finished) => elected(run, finished) }),
      },
      run,
    ),
});
