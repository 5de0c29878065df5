/**
 * Deco-G ("Decoupling Task-Solving and Output Formatting in LLM Generation", 2025): the model solves its task and knows
 * nothing of the format; a hidden Markov model of its answers knows how likely each token leads to one that keeps to the
 * format, and both are multiplied,
 *
 *   p(x | text, format) ∝ p_LM(x | text) · p_HMM(format | text, x).
 *
 * Where a mask lets the model go on with whatever is legal and least unlikely, this leads it towards an end that fits, ahead
 * of time. The probability of the format is that of Ctrl-G, see hmm/format-likelihood.ts.
 */

import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import { defineMethod } from '../method.ts';
import type { Phases } from '../phases.ts';
import type { Run } from '../run.ts';
import { FormatLikelihood } from './hmm/format-likelihood.ts';
import type { Belief } from './hmm/hmm.ts';
import { readHmm } from './hmm/hmm-file.ts';
import { type TokenAutomaton, tokenAutomaton } from './hmm/token-automaton.ts';
import type { AnswerConstraint } from './processor.ts';
import { TokenTree } from './token-tree.ts';

const options = z.strictObject({
  hmm: z
    .string()
    .min(1)
    .default('house-causal-hmm')
    .describe('Folder of the hidden Markov model, or its name among those that ship with Quickstep.'),
  epsilon: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.001)
    .describe('Hidden states of so little probability together are left out of each step.'),
});

/** What the method reads before the first step. */
interface Plan {
  readonly automaton: TokenAutomaton;
  readonly likelihood: FormatLikelihood;
  /** What the hidden Markov model believes behind a text. */
  readonly beliefs: TokenTree<Belief>;
}

/**
 * @throws QuickstepError 'unsupported' for a hidden Markov model of other tokens or a format of too many states,
 * 'bad-option' when no answer is short enough
 */
async function planFor(id: string, run: Run, constraint: AnswerConstraint, longest: number): Promise<Plan> {
  const hmm = await readHmm(id, run.findFolder);
  const { vocabulary, model } = hmm.facts;
  const size = constraint.constraint.vocabulary.size;
  if (size !== vocabulary) {
    const hint = 'Distil one from this model: quickstep train deco-g.';
    const problem = `The hidden Markov model is of ${model}, with ${vocabulary} tokens; the model here has ${size}.`;
    throw new QuickstepError('unsupported', problem, hint);
  }
  const automaton = tokenAutomaton(constraint.state([]), size);
  const likelihood = new FormatLikelihood(hmm, automaton, run.eosIds);
  if (!likelihood.fits(longest)) {
    const hint = 'Raise maxTokens.';
    throw new QuickstepError('bad-option', `No answer of ${longest} tokens keeps to the format.`, hint);
  }
  const beliefs = new TokenTree(hmm.initial, (belief, token) => hmm.advance(belief, token));
  return { automaton, likelihood, beliefs };
}

function phasesOf(
  { hmm: id, epsilon }: z.output<typeof options>,
  run: Run,
  constraint: AnswerConstraint,
): Partial<Phases> {
  const longest = Math.min(run.maxTokens, run.contextLength - run.prompt.length);
  let plan: Plan;
  return {
    prepare: async () => {
      plan = await planFor(id, run, constraint, longest);
    },
    score: [
      function formatLikelihood(logits, { generatedTokens }) {
        const state = plan.automaton.numbers.get(constraint.state(generatedTokens).key)!;
        const left = longest - generatedTokens.length;
        const belief = plan.beliefs.at(generatedTokens);
        const score = plan.likelihood.score(state, left, belief, epsilon);
        for (let token = 0; token < logits.length; token++) logits[token] += score[token] ?? -Infinity;
      },
    ],
  };
}

export const decoG = defineMethod({
  slug: 'deco-g',
  title: 'Deco-G',
  family: 'constrained',
  summary:
    'Leads an answer towards its format ahead of time, by what a hidden Markov model of the answers expects; for a constraint that is a regular language.',
  options,
  needs: ['causal'],
  sampling: 'any',
  guarantee: 'own',
  constrains: true,
  model: 'house-causal',
  phases: (given, run) => (run.constraint && !run.finish ? phasesOf(given, run, run.constraint) : {}),
});
