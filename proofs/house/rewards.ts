/**
 * Rewards by rollout of a policy recipe: on the same few prompts over and over, or on new ones each time.
 *   npx tsx proofs/house/rewards.ts [--same] [--prompts 8] [--samples 16] [--rollouts 14] [--rate 1e-4]
 *     [--likelihood trajectory] [--out runs/rewards] [--threads 2]
 * Word problems, a quarter of level 1 and the rest of level 2. The model is `<out>/model`. A run goes on where it was stopped.
 */

import { parseArgs } from 'node:util';
import type { Likelihood } from '../../src/train/group-policy.ts';
import { policyRecipe } from '../../src/train/recipes/cjgrpo.ts';
import { trainRecipe } from '../../src/train/train-recipe.ts';

const { values } = parseArgs({
  options: {
    same: { type: 'boolean', default: false },
    prompts: { type: 'string', default: '8' },
    samples: { type: 'string', default: '16' },
    rollouts: { type: 'string', default: '14' },
    rate: { type: 'string', default: '1e-4' },
    likelihood: { type: 'string', default: 'trajectory' },
    out: { type: 'string', default: 'runs/rewards' },
    threads: { type: 'string', default: '2' },
  },
});

const recipe = policyRecipe({
  slug: 'rewards',
  title: 'Rewards',
  summary: 'Rewards by rollout.',
  model: 'house-diffusion',
  likelihood: values.likelihood as Likelihood,
  learningRate: Number(values.rate),
  shares: { 'word-problems': { share: 1, levels: [0.25, 0.75] } },
  prompts: Number(values.prompts),
  samples: Number(values.samples),
  samePrompts: values.same,
});
const updatesPerRollout = 2;
const { model } = await trainRecipe(recipe, {
  folder: values.out,
  steps: Number(values.rollouts) * updatesPerRollout,
  threads: Number(values.threads),
  onStep: ({ step, metrics }) => {
    if (step % updatesPerRollout === 1)
      console.log(`rollout ${(step + 1) / updatesPerRollout}: ${metrics.reward.toFixed(3)}`);
  },
});
console.log(model);
