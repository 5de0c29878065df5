/**
 * Reinforcement learning from groups of sampled answers. Each rollout samples answers with the weights as they are; a few
 * updates follow on it, in which the old policy stays that of the rollout. The weights of the rollout are part of a
 * checkpoint, so that a run stopped between two updates on one rollout samples it again, to the same tokens.
 */

import { QuickstepError } from '../errors.ts';
import type { ProgramOptions } from '../graph/session.ts';
import { float32 } from '../graph/types.ts';
import type { Trainable } from './open-trainable.ts';
import { AdamW } from './optimizers/adamw.ts';
import { type Parameters, zerosLike } from './parameters.ts';
import { type PolicyOptions, policyObjective, TokenScorer } from './policy.ts';
import type { Batch } from './program.ts';
import { advantagesOf, type Group, type RewardedPrompt, type RolloutOptions, rollOut } from './rollouts.ts';
import { constantSchedule } from './schedule.ts';
import type { TrainingPlan } from './trainer.ts';
import { inOneStep, stepSizes, type Trajectory, trajectoryBatch, withMaskedPrompt } from './trajectories.ts';

/**
 * What the likelihood of an answer is taken to be:
 *   trajectory     of each step's tokens on the canvas that the step was given (CJ-GRPO)
 *   one-step       of all tokens on the empty canvas
 *   masked-prompt  the same, with 15 % of the prompt masked, others in each update (diffu-GRPO)
 */
export type Likelihood = 'trajectory' | 'one-step' | 'masked-prompt';

/** Of the tokens of a prompt, in diffu-GRPO. */
const maskedShare = 0.15;
/** Updates until the learning rate is reached: the first steps of Adam are as large whatever the gradient. */
const warmup = 10;

export interface GroupPolicyOptions extends PolicyOptions, Omit<RolloutOptions, 'number'> {
  likelihood: Likelihood;
  /** Updates on each rollout (μ). */
  updatesPerRollout: number;
  /** Updates in all. */
  steps: number;
  learningRate: number;
  /** Largest norm of a gradient. */
  clip: number;
  /** Prompts of a rollout, a function of its number from 0. */
  prompts(number: number): readonly RewardedPrompt[];
  runtime?: ProgramOptions;
}

const copyInto = (to: Parameters, from: Parameters) => {
  for (const [name, { data }] of to) data.set(from.get(name)!.data);
};

const onPolicy = ({ old }: Batch): Batch => ({
  old: float32(old.shape, new Float32Array(old.data.length)),
  onPolicy: float32([1], [1]),
});

function copyOf(parameters: Parameters): Parameters {
  const copy = zerosLike(parameters);
  copyInto(copy, parameters);
  return copy;
}

/**
 * A plan that raises the reward of a model's sampled answers; its reference is the model as it is now.
 * @throws QuickstepError 'unsupported' for a model without mask token.
 */
export function groupPolicyPlan(trainable: Trainable, options: GroupPolicyOptions): TrainingPlan {
  const { config, parameters } = trainable;
  const { likelihood, updatesPerRollout, steps, seed, learningRate, clip, runtime } = options;
  const mask = config.maskTokenId;
  if (mask === undefined)
    throw new QuickstepError('unsupported', 'The model has no mask token.', 'Name a masked-diffusion model.');
  const reference = copyOf(parameters);
  /** Weights that the rollout is sampled with. */
  const old = copyOf(parameters);

  /** Answers as the likelihood sees them; draw number `draw` of the masks. */
  function seen(groups: readonly Group[], draw: number): Trajectory[][] {
    let number = draw * 4096;
    return groups.map(({ trajectories }) =>
      trajectories.map((trajectory) => {
        if (likelihood === 'trajectory') return trajectory;
        const whole = inOneStep(trajectory);
        if (likelihood === 'one-step') return whole;
        return withMaskedPrompt(whole, { mask: mask!, share: maskedShare, seed, draw: number++ });
      }),
    );
  }

  /** A batch for each group, with the log probabilities of old policy and reference. */
  async function score(groups: readonly Group[], scorer: TokenScorer, draw: number): Promise<Batch[]> {
    const views = seen(groups, draw);
    const sizes = stepSizes(views.flat());
    const batches: Batch[] = [];
    for (const [g, { rewards }] of groups.entries()) {
      const { asked, owners, weights } = trajectoryBatch(views[g], sizes, {
        mask: mask!,
        shift: config.shiftLogits,
      });
      const advantages = advantagesOf(rewards);
      const perToken = (data: Float32Array) => float32([owners.length], data);
      batches.push({
        ...asked,
        advantages: perToken(Float32Array.from(owners, (owner) => advantages[owner])),
        weights: perToken(weights),
        reference: perToken(await scorer.score(reference, asked)),
        old: perToken(await scorer.score(old, asked)),
        onPolicy: float32([1], [0]),
        reward: float32([1], [rewards.reduce((a, b) => a + b, 0) / (rewards.length * groups.length)]),
      });
    }
    return batches;
  }

  /** The batches of all updates on a rollout that is sampled with the old weights. */
  async function rollout(number: number): Promise<Batch[][]> {
    await using model = await trainable.decoder(old, runtime);
    const groups = await rollOut(model, options.prompts(number), { ...options, number });
    await using scorer = await TokenScorer.load(config, runtime);
    const draws = likelihood === 'masked-prompt' ? updatesPerRollout : 1;
    const scored: Batch[][] = [];
    for (let draw = 0; draw < draws; draw++) scored.push(await score(groups, scorer, number * draws + draw));
    // In the first update the old policy is the current one: exactly, not as another program rounds it.
    return Array.from({ length: updatesPerRollout }, (_, update) =>
      scored[update % draws].map((batch) => (update === 0 ? { ...batch, ...onPolicy(batch) } : batch)),
    );
  }

  let current: { number: number; updates: Batch[][] } | undefined;
  return {
    parameters,
    objective: policyObjective(config, options),
    batches: async (step) => {
      const number = Math.floor((step - 1) / updatesPerRollout);
      const update = (step - 1) % updatesPerRollout;
      if (update === 0) copyInto(old, parameters);
      if (current?.number !== number) current = { number, updates: await rollout(number) };
      return current.updates[update];
    },
    state: old,
    steps,
    schedule: constantSchedule(learningRate, warmup),
    optimizer: (weights, trained) => new AdamW(weights, trained, { beta2: 0.99, weightDecay: 0 }),
    clip,
  };
}
