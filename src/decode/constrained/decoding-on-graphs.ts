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
    .enum(['model', 'legal'])
    .default('model')
    .describe(
      "Chains rank by the model's probabilities of their tokens, or by those among what the graph allows, which are 1 where there is no choice, however badly the chain suits the question.",
    ),
  vote: z
    .boolean()
    .default(true)
    .describe('Answers of several chains add up, weighted by the mean probability of their tokens.'),
});

/**
 * Which of several chains, best first, is elected: the best of those with the answer of most weight.
 * @param answers What each ends in.
 * @param scores Mean logarithms of the probabilities of their tokens; e to that is a chain's weight.
 */
export function elect(answers: readonly string[], scores: readonly number[]): number {
  const weights = new Map<string, number>();
  for (const [i, answer] of answers.entries())
    weights.set(answer, (weights.get(answer) ?? 0) + Math.exp(scores[i]));
  // A map keeps the order of its keys, so that the better chain wins a tie.
  const [winner] = [...weights].reduce((best, one) => (one[1] > best[1] ? one : best));
  return answers.indexOf(winner);
}

function elected(run: Run, finished: readonly Finished[]): Finished {
  const answers = finished.map(({ choices }) => {
    const tokens = choices.map(({ token }) => token).filter((token) => !run.eosIds.includes(token));
    return readChain(run.textOf(tokens)).answers.join('\n');
  });
  return finished[
    elect(
      answers,
      finished.map(({ score }) => score),
    )
  ];
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
