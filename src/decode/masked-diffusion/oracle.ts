/**
 * Decoding with the answer known: each step commits just the masked positions that are predicted as they will end. It
 * takes the fewest forwards that a rule on predictions can, and is what the filter of Learn2PD (2025) learns to imitate
 * ("extremely greedy parallel"). Given to `generate` as a method; not for the registry, as it needs the answers.
 */

import { defineMethod, type Method } from '../method.ts';
import { type Run, vacant } from '../run.ts';
import { blockConfidences } from './confidence-filter.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { layoutOf } from './layout.ts';
import { canvasOptions } from './options.ts';

/** What a step of the oracle saw of its block; arrays are as long as a block that is not cut short. */
export interface OracleStep {
  /** Which prompt of the batch. */
  request: number;
  /** Probability of the predicted token, of decided positions too; 1 behind the end of the block. */
  confidence: Float64Array;
  /** Whether it is the final one; true behind the end of the block. */
  right: readonly boolean[];
  masked: readonly boolean[];
}

/**
 * The oracle of a batch.
 * @param answerOf final canvas of a prompt, at least up to the end of the block that ends the answer; asked once a run
 * @param observe told of each step before it commits
 */
export function oracle(
  answerOf: (run: Run) => ArrayLike<number>,
  observe?: (step: OracleStep) => void,
): Method {
  return defineMethod({
    slug: 'oracle',
    title: 'Oracle',
    family: 'masked-diffusion',
    summary: 'Commits exactly what is predicted as the known answer has it.',
    options: canvasOptions,
    needs: ['bidirectional', 'canvas'],
    sampling: 'greedy',
    guarantee: 'own',
    phases: (options, run) => {
      if (run.finish) return {};
      const answer = answerOf(run);
      const { blockLength } = layoutOf(options, run);
      return decodeCanvas(run, options, {
        needsLogits: true,
        look: ({ block: { start, end } }) => Array.from({ length: end - start }, (_, place) => start + place),
        commit: (predictions, canvas) => {
          const { positions, candidates, tokens } = predictions;
          const isRight = (index: number) => tokens[index] === answer[positions[index]];
          const places = Array.from({ length: blockLength }, (_, place) => place);
          observe?.({
            request: run.request,
            confidence: blockConfidences(predictions, canvas.block, blockLength),
            right: places.map((place) => place >= positions.length || isRight(place)),
            masked: places.map((place) => canvas.tokens[canvas.block.start + place] === vacant),
          });
          const right = candidates.filter(isRight);
          if (right.length > 0) return right;
          // Nothing would change and the next step would be this one, so the answer is written.
          for (const index of candidates) tokens[index] = answer[positions[index]];
          return candidates;
        },
      });
    },
  });
}
