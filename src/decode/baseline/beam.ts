/**
 * Beam search: the most probable answer as a whole, looked for among the `beams` best beginnings at each step.
 * Each live beam is a sequence of its own in the cache; beams that begin alike share slots. The rules are those of
 * Hugging Face's generate(num_beams=…): an answer that ends among the best `beams` continuations of a step is kept
 * with score sum(log p) / length^lengthPenalty, and the search goes on while a live beam could still beat the
 * worst of `beams` kept answers at its present length.
 *
 * A beam ends at an end token, a stop string, the token limit or the end of the context; nothing is committed
 * before the search is over. One beam is greedy decoding, token for token.
 */

import { z } from 'zod';
import type { Sequence } from '../../cache/index.ts';
import type { Scores } from '../../models/forward.ts';
import { defineMethod } from '../method.ts';
import { emptyDraft, type Phases } from '../phases.ts';
import type { Run } from '../run.ts';
import type { Choice } from '../sampling/sampler.ts';
import { topM } from '../sampling/select.ts';
import { logSumExp } from '../sampling/softmax.ts';

export const beamOptions = z.strictObject({
  beams: z.int().min(1).max(64).default(4).describe('How many partial answers are followed at once.'),
  lengthPenalty: z
    .number()
    .min(-10)
    .max(10)
    .default(1)
    .describe('Answers rank by log probability / length^this; above 0 favours longer ones, 0 is neutral.'),
  earlyStopping: z
    .boolean()
    .default(false)
    .describe('Stop as soon as there are as many finished answers as beams.'),
});

/** The beginning of an answer. */
interface Hypothesis {
  choices: readonly Choice[];
  /** Sum of the log probabilities, in nats, after penalties, biases and processors; see `BeamSettings.legal`. */
  logProb: number;
}

/** A hypothesis and the sequence that holds all of it but the last token. */
interface Beam extends Hypothesis {
  sequence: Sequence;
}

/** A beam, by index, with one more token. */
interface Candidate extends Hypothesis {
  parent: number;
}

export interface Finished extends Hypothesis {
  score: number;
}

export interface BeamSettings extends z.output<typeof beamOptions> {
  /** Take a token's probability among those that processors leave over, not among all. Default false. */
  legal?: boolean;
  /** The answer, of the finished ones, best first. Default: the best. */
  elect?(finished: readonly Finished[]): Finished;
}

/** The `width` best one-token continuations of all beams, best first; earlier beams and lower ids on ties. */
function expand(
  run: Run,
  beams: readonly Beam[],
  scores: readonly Scores[],
  width: number,
  legal: boolean,
): Candidate[] {
  const { sampler, prompt } = run;
  const candidates = beams.flatMap(({ choices, logProb }, parent) => {
    const logits = scores[parent].logits(0);
    const generatedTokens = choices.map(({ token }) => token);
    const context = { promptTokens: prompt, generatedTokens, step: generatedTokens.length };
    const shaped = sampler.shape(logits, context);
    const best = topM(shaped, width).filter((token) => shaped[token] !== Number.NEGATIVE_INFINITY);
    const mass = legal ? logSumExp(shaped) : 0;
    return sampler.report(logits, best).map((choice) => {
      const logit = shaped[choice.token];
      const own = legal ? logit - mass : choice.logprob + (logit - logits[choice.token]);
      return { parent, choices: [...choices, choice], logProb: logProb + own };
    });
  });
  return candidates.sort((a, b) => b.logProb - a.logProb).slice(0, width);
}

/** The phases of a search by beams. */
export function beamPhases(
  { beams: limit, lengthPenalty, earlyStopping, legal = false, elect = ([best]) => best }: BeamSettings,
  run: Run,
): Partial<Phases> {
  /** None before the prompt is read: until then, the run may be given another sequence that shares a prefix. */
  let beams: Beam[] = [];
  let survivors: Candidate[] = [];
  /** At most `limit`, best first. */
  let finished: Finished[] = [];
  // End tokens may take all the best places but one for each beam.
  const width = limit * (1 + Math.max(1, run.eosIds.length));
  const scoreOf = ({ choices, logProb }: Hypothesis) => logProb / choices.length ** lengthPenalty;

  /** Whether no live beam is expected to end better than the worst finished answer. */
  const settled = () => {
    if (survivors.length === 0) return true;
    if (finished.length < limit) return false;
    return earlyStopping || scoreOf(survivors[0]) <= finished[limit - 1].score;
  };

  return {
    needsLogits: true,
    propose: () => {
      if (beams.length === 0) beams = [{ choices: [], logProb: 0, sequence: run.sequence }];
      const groups = beams.map(({ choices, sequence }) => {
        const last = choices.at(-1);
        const tokens = last ? [last.token] : run.pending();
        return { sequence, tokens, scored: [tokens.length - 1] };
      });
      return { groups, draft: emptyDraft };
    },
    choose: (_run, _proposal, scores) => {
      survivors = [];
      for (const [rank, candidate] of expand(run, beams, scores, width, legal).entries()) {
        if (run.finishOf(candidate.choices.map(({ token }) => token))) {
          if (rank < limit) finished.push({ ...candidate, score: scoreOf(candidate) });
        } else if (survivors.length < limit) survivors.push(candidate);
      }
      finished = finished.sort((a, b) => b.score - a.score).slice(0, limit);
      if (settled()) for (const choice of elect(finished).choices) run.push(choice);
      return { accepted: [] };
    },
    remember: (_run, { groups }, _choice, { newRows, offsets }) => {
      if (run.finish) return;
      for (const [index, { sequence }] of beams.entries()) {
        if (!survivors.some(({ parent }) => parent === index)) run.free(sequence);
      }
      const continued = new Set<number>();
      for (const { parent } of survivors) {
        if (continued.has(parent)) continue;
        continued.add(parent);
        const rows = Array.from(groups[parent].tokens, (_, row) => offsets[parent] + row);
        run.keep(groups[parent].sequence, newRows, rows);
      }
      beams = survivors.map(({ parent, choices, logProb }) => {
        const { sequence } = beams[parent];
        // The first child takes its parent's sequence over.
        return {
          choices,
          logProb,
          sequence: continued.delete(parent) ? sequence : run.fork(sequence),
        };
      });
      run.sequence = beams[0].sequence;
    },
  };
}

export const beamSearch = defineMethod({
  slug: 'beam-search',
  title: 'Beam search',
  family: 'baseline',
  summary: 'Follows the most probable beginnings side by side and answers with the most probable whole.',
  options: beamOptions,
  needs: ['causal'],
  sampling: 'greedy',
  guarantee: 'own',
  phases: beamPhases,
});
