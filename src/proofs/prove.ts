/** Running a proof: the context it measures in, and the verdict on what it finds. */

import { checkNeeds } from '../decode/method.ts';
import { findMethod } from '../decode/registry.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { measure } from '../tasks/measure.ts';
import type { Split } from '../tasks/split.ts';
import {
  type Condition,
  type Control,
  type Figures,
  fewerForwards,
  type Measurement,
  type MeasureOptions,
  type Proof,
  type TaskLevel,
} from './proof.ts';

/** Problems of each task unless told otherwise. */
export const defaultProofSamples = 200;
/** Prompts decoded at once; the answers do not depend on it. */
export const defaultProofBatch = 20;

export interface ProveOptions extends Pick<MeasureOptions, 'seed' | 'signal' | 'onProgress' | 'onBatch'> {
  /** Default `defaultProofSamples`. */
  samples?: number;
  /** Default `defaultProofBatch`. */
  batch?: number;
  /** Default 'test', problems that no house model has seen. */
  split?: Split;
}

/** What came out of a proof. */
export interface Verdict {
  readonly slug: string;
  readonly claim: string;
  /** Mean forwards an answer of the method and of its baseline, or what `gain` says, and the second over the first. */
  readonly measured: number;
  readonly baseline: number;
  readonly ratio: number;
  /** Least ratio, and what the ratio says. */
  readonly threshold: number;
  readonly gain: string;
  /** The ratio reaches the threshold, and all conditions hold. */
  readonly holds: boolean;
  readonly model: string;
  readonly tasks: readonly TaskLevel[];
  readonly seed: number;
  /** Problems of each task. */
  readonly samples: number;
  readonly split: Split;
  /** Where the options of the method come from. */
  readonly settings: string;
  readonly conditions: readonly Condition[];
  readonly controls: readonly Control[];
  readonly figures: readonly Figures[];
  readonly measurements: readonly Measurement[];
}

/**
 * Runs a proof on a model.
 * @throws QuickstepError as `measure`; the signal's reason when it aborts.
 */
export async function prove(proof: Proof, model: LanguageModel, options: ProveOptions): Promise<Verdict> {
  const { slug, claim, threshold, gain = fewerForwards, settings, tasks, decoding } = proof;
  const { samples = defaultProofSamples, batch = defaultProofBatch, split = 'test', seed } = options;
  if (typeof decoding.method === 'string') checkNeeds(findMethod(decoding.method), model);
  const { measured, baseline, conditions, ...found } = await proof.run({
    ...{ ...options, samples, split, model, tasks },
    measure: (decodings, others = tasks) =>
      measure(model, others, decodings, { ...options, samples, batch, split }),
  });
  const ratio = measured > 0 ? baseline / measured : 0;
  const holds = ratio >= threshold && conditions.every((condition) => condition.holds);
  return {
    ...{ slug, claim, measured, baseline, ratio, threshold, gain, holds },
    ...{ model: model.id, tasks, seed, samples, split, settings, conditions },
    ...found,
  };
}
