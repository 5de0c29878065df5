/**
 * Arbitrage ("Efficient Reasoning via Advantage-Aware Speculation", arXiv:2512.05033): a draft model writes a chain of
 * thought step by step, and a step is written again by the model itself only where a router expects that to be better:
 *   escalate  ⇔  P(Δ > 0 | text, drafted step) > threshold,   Δ = h(text, target's step) - h(text, drafted step)
 * with h the worth of a step. RSD (Liao et al. 2025, arXiv:2501.19324), the baseline, rewrites what is not good enough:
 *   escalate  ⇔  P(drafted step is right | text) < threshold
 * also where the model would write nothing better. An accepted step costs no forward of the model: it reads accepted steps,
 * and the prompt, when it is to write. Where it writes, the drafted step is its draft: it verifies that in one forward, and
 * has the rest of the step drafted anew from where it went another way, so the step is its own, token for token, in fewer
 * forwards than tokens.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { type DraftTree, type Phases, proposeDraft, walkDraft } from '../phases.ts';
import type { Run } from '../run.ts';
import type { Choice } from '../sampling/sampler.ts';
import { LaneReader } from './lane-reader.ts';
import { type StepLimits, stepEnds, writeStep } from './reasoning-step.ts';
import { judge, verdictTokens } from './step-judge.ts';

const options = z.strictObject({
  route: z
    .enum(['advantage', 'score'])
    .default('advantage')
    .describe(
      'What is rewritten: steps that the model is expected to write better (Arbitrage), or steps that are not good enough (RSD).',
    ),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'With advantage, rewrite above this probability of a better step: 1 never, 0 always; 0.1 without it. With score, below this probability of a right one; 0.9 without it.',
    ),
  stepTokens: z
    .int()
    .min(1)
    .max(512)
    .default(64)
    .describe('Longest step, in tokens, where no line ends before.'),
});

/** Thresholds that lose a point of accuracy for house-causal: a step too many that the model verifies is one forward. */
const usual = { advantage: 0.1, score: 0.9 } as const;

/** Whether the model is to write a step itself, given the text and the drafted one. */
export type Route = (text: readonly number[], step: readonly number[]) => Promise<boolean>;

const chain = (choices: readonly Choice[]): DraftTree => ({
  tokens: choices.map(({ token }) => token),
  parents: choices.map((_, i) => i - 1),
});

/** The phases of step-level speculation under a route. */
export function stepPhases(run: Run, stepTokens: number, route: Route): Partial<Phases> {
  const ends = stepEnds(run.tokenizer, run.eosIds);
  const counts = { forwards: 0, rows: 0 };
  const draft = new LaneReader(run.draft!, counts);
  /** Tokens of the step that the model is writing; undefined between steps. */
  let writing: number | undefined;
  let drafted: readonly Choice[] = [];

  async function draftStep(text: readonly number[], most: number): Promise<readonly Choice[]> {
    const limits: StepLimits = { ends, most: Math.min(most, run.remaining) };
    const logits = !run.sampler.argmaxOnly;
    const step = await writeStep(draft, text, limits, (scores, path) => run.pick(scores, 0, path), logits);
    run.statistics.draftForwards = counts.forwards;
    run.statistics.draftRows = counts.rows;
    return step;
  }

  return {
    // The model reads text only when it is to write.
    readsPrompt: true,
    propose: async () => {
      const text = run.tokens();
      drafted = await draftStep(text, stepTokens - (writing ?? 0));
      if (writing === undefined && drafted.length > 0) {
        const draft = chain(drafted);
        if (!(await route(text, draft.tokens))) return { groups: [], draft };
      }
      writing ??= 0;
      // The last token is the model's own where all others are accepted, and only it ends a step.
      return proposeDraft(run, chain(drafted.slice(0, -1)));
    },
    choose: (_run, proposal, scores) => {
      if (proposal.groups.length > 0) {
        const before = run.generated.length;
        const choice = walkDraft(run, proposal, scores);
        const written = run.generated.length - before;
        run.statistics.rewritten = (run.statistics.rewritten ?? 0) + written;
        writing! += written;
        if (ends(run.generated[run.generated.length - 1]) || writing! >= stepTokens) writing = undefined;
        return choice;
      }
      const accepted: number[] = [];
      for (const [node, choice] of drafted.entries()) {
        run.push(choice);
        accepted.push(node);
        if (run.finish) break;
      }
      return { accepted };
    },
  };
}

export const arbitrage = defineMethod({
  slug: 'arbitrage',
  title: 'Arbitrage',
  family: 'speculative',
  summary:
    'A draft model writes step by step; a router has the model rewrite only the steps that it is expected to write better.',
  options,
  needs: ['causal'],
  draft: true,
  router: true,
  sampling: 'any',
  guarantee: 'own',
  model: 'house-causal',
  phases: ({ route, threshold = usual[route], stepTokens }, run) => {
    const counts = { forwards: 0, rows: 0 };
    const reader = new LaneReader(run.router!, counts);
    const tokens = verdictTokens(run.tokenizer, route === 'advantage' ? 'advantage' : 'right');
    return stepPhases(run, stepTokens, async (text, step) => {
      const yes = await judge(reader, text, step, tokens);
      run.statistics.routerForwards = counts.forwards;
      run.statistics.routerRows = counts.rows;
      // Unheard, the model writes itself.
      if (yes === undefined) return true;
      return route === 'advantage' ? yes > threshold : yes < threshold;
    });
  },
});
