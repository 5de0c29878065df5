/**
 * cjgrpo: a masked-diffusion model tuned by reinforcement on its own answers in ascending steps (CJ-GRPO,
 * arXiv:2509.23924), each judged on the canvases that it came about on.
 */

import { rewardOf } from '../../tasks/task.ts';
import { groupPolicyPlan, type Likelihood } from '../group-policy.ts';
import { openTrainable } from '../open-trainable.ts';
import { defineRecipe, type Recipe } from '../recipe.ts';
import type { RewardedPrompt } from '../rollouts.ts';
import { type houseShares, Mixture } from './mixture.ts';

/** Tasks whose answers fit the canvas; mostly those whose answers differ enough from sample to sample to learn from. */
const policyShares: typeof houseShares = {
  'word-problems': { share: 0.6, levels: [0.25, 0.75] },
  countdown: { share: 0.35, levels: [0.4, 0.6] },
  sudoku: { share: 0.05, levels: [1] },
};

export interface PolicyRecipe extends Pick<Recipe, 'slug' | 'title' | 'summary'> {
  /** Id of the model that is trained. */
  model: string;
  likelihood: Likelihood;
  /** Default 3e-5. */
  learningRate?: number;
  /** Tasks and levels of the prompts. Default: those of cjgrpo. */
  shares?: typeof houseShares;
  /** Prompts of a rollout, and sampled answers to each. Default 8 and 8. */
  prompts?: number;
  samples?: number;
  /** The same prompts in every rollout. Default: others in each. */
  samePrompts?: boolean;
}

/** A recipe of CJ-GRPO, or of its baselines on the same rollouts. */
export function policyRecipe(recipe: PolicyRecipe): Recipe {
  const { model, likelihood, learningRate = 3e-5, ...more } = recipe;
  const { shares = policyShares, prompts = 8, samples = 8, samePrompts = false, ...names } = more;
  return defineRecipe({
    ...names,
    // Neither the seed of the models nor those of learn2pd and dparallel.
    seed: 4,
    // One rollout: the loss is 0 at first, and the second update on the same answers must find it lower.
    smokeSteps: 2,
    prepare: async ({ seed, steps = 300, runtime, signal }) => {
      const trainable = await openTrainable(model);
      const mixture = new Mixture(seed, trainable.encode, shares);
      return {
        plan: groupPolicyPlan(trainable, {
          likelihood,
          prompts: (number) =>
            mixture.draw(samePrompts ? 0 : number, prompts, 1).map(({ task, problem }): RewardedPrompt => {
              const { tokens, answerStart } = trainable.encode(problem);
              return {
                tokens: [...tokens.subarray(0, answerStart)],
                reward: (text) => rewardOf(task, problem, text),
              };
            }),
          method: 'eoser-ass-cjgrpo',
          samples,
          canvas: 32,
          temperature: 1,
          updatesPerRollout: 2,
          epsilon: 0.2,
          beta: 0.02,
          steps,
          learningRate,
          clip: 1,
          seed,
          runtime,
          signal,
        }),
        save: trainable.save,
      };
    },
  });
}

export const cjgrpo = policyRecipe({
  slug: 'cjgrpo',
  title: 'House diffusion model, rewarded',
  summary:
    'house-diffusion tuned on the rewards of its own answers in five steps a canvas; for the method eoser-ass-cjgrpo.',
  model: 'house-diffusion',
  likelihood: 'trajectory',
});
