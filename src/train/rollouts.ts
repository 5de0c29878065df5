/** Groups of sampled answers to one prompt each, with their rewards: what GRPO learns from. */

import { generateBatch } from '../decode/generate.ts';
import { uniform } from '../decode/random.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { trainingStreams } from './streams.ts';
import type { Trajectory } from './trajectories.ts';

/** A prompt, and what an answer to it is worth. */
export interface RewardedPrompt {
  tokens: readonly number[];
  /** Reward of an answer's text, which ends before the first end token. */
  reward(text: string): number;
}

export interface RolloutOptions {
  /** Slug of the canvas method, and its options. */
  method: string;
  methodOptions?: Readonly<Record<string, unknown>>;
  /** Answers to each prompt. */
  samples: number;
  /** Positions of the canvas. */
  canvas: number;
  temperature: number;
  seed: number;
  /** Number of the rollout in its run; with the seed it says what is drawn. */
  number: number;
  signal?: AbortSignal;
}

/** The answers to one prompt. */
export interface Group {
  trajectories: Trajectory[];
  rewards: number[];
}

/** What a reward is above the mean of its group; not divided by the deviation. */
export function advantagesOf(rewards: readonly number[]): number[] {
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return rewards.map((reward) => reward - mean);
}

/** The seed of one sample of a rollout: 53 random bits, so that no two samples share their noise. */
function seedOf({ seed, number }: RolloutOptions, sample: number): number {
  return uniform({ seed, stream: trainingStreams.rollout, step: number, position: sample }) * 2 ** 53;
}

/**
 * Samples answers to prompts, and keeps which step committed what. The same weights and options give the same answers.
 * @throws QuickstepError as `generate`: 'bad-input' for a prompt and canvas that are longer than the context.
 */
export async function rollOut(
  model: LanguageModel,
  prompts: readonly RewardedPrompt[],
  options: RolloutOptions,
): Promise<Group[]> {
  const { method, methodOptions, samples, canvas, temperature, signal } = options;
  const groups = prompts.map((): Group => ({ trajectories: [], rewards: [] }));
  for (let sample = 0; sample < samples; sample++) {
    const drawn = prompts.map(({ tokens }) => ({
      prompt: tokens,
      tokens: new Array<number>(canvas),
      steps: new Array<number>(canvas),
    }));
    const generation = generateBatch(
      model,
      prompts.map(({ tokens }) => ({ tokens })),
      {
        method,
        // What lies behind the end of an answer was sampled as well, and counts.
        methodOptions: { ...methodOptions, genLength: canvas, earlyStop: 'never' },
        maxTokens: canvas,
        temperature,
        seed: seedOf(options, sample),
        signal,
      },
    );
    for await (const { request, step, committed } of generation) {
      for (const { position, token } of committed) {
        drawn[request].tokens[position] = token;
        drawn[request].steps[position] = step - 1;
      }
    }
    for (const [request, { text }] of (await generation.result).entries()) {
      groups[request].trajectories.push(drawn[request]);
      groups[request].rewards.push(prompts[request].reward(text));
    }
  }
  return groups;
}
