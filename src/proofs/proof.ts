/**
 * What a proof is: a paper's claim as an experiment at our scale, against its baseline in one run. A proof fixes its tasks
 * and the options of its method in its file; seed and number of problems are the caller's.
 */

import type { LanguageModel } from '../models/language-model.ts';
import type { Decoding, Measurement, MeasureOptions, TaskLevel } from '../tasks/measure.ts';
import type { PairedDifference } from '../tasks/paired.ts';

export interface Proof {
  /** The paper's slug, and the proof's file. */
  readonly slug: string;
  /** What is claimed at our scale, in a sentence. */
  readonly claim: string;
  /** Least ratio of the baseline's measure to the method's. */
  readonly threshold: number;
  /** What the ratio says, behind "2x"; without it `fewerForwards`. */
  readonly gain?: string;
  /** Model it is made on. */
  readonly model: string;
  readonly tasks: readonly TaskLevel[];
  /** The decoding that is proven. */
  readonly decoding: Decoding;
  /** Where its options come from. */
  readonly settings: string;
  run(context: ProofContext): Promise<Findings>;
}

/** What the ratio of most proofs says. */
export const fewerForwards = 'times fewer forwards than one token a step';

/** What a proof is run with. */
export interface ProofContext
  extends Pick<MeasureOptions, 'seed' | 'samples' | 'split' | 'signal' | 'onProgress'> {
  readonly model: LanguageModel;
  readonly tasks: readonly TaskLevel[];
  /** Every decoding on the same problems, see `measure`; on other tasks than the proof's when they are given. */
  measure(decodings: readonly Decoding[], tasks?: readonly TaskLevel[]): Promise<Measurement[]>;
}

/** Something that must be so besides the ratio. */
export interface Condition {
  readonly text: string;
  /** A difference of accuracies is a share, and `points` in tables. */
  readonly unit:
    | 'points'
    | 'forwards'
    | 'answers'
    | 'tasks'
    | 'tokens'
    | 'slots'
    | 'nats'
    | 'times'
    | 'perplexity';
  readonly value: number;
  readonly bar: number;
  readonly holds: boolean;
}

/**
 * Another decoding that the method is compared with, to tell what the gain comes from. It decides nothing: the verdict
 * says whether the interval of the difference in accuracy lies on one side of 0.
 */
export interface Control extends PairedDifference {
  readonly label: string;
  /** Mean forwards an answer of the control. */
  readonly forwards: number;
  readonly verdict: 'better' | 'worse' | 'not told apart';
}

/** Figures on what a paper says is behind its claim. */
export interface Figures {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** What a proof has found. */
export interface Findings {
  /** What the ratio is of, for the method and its baseline: mean forwards an answer, unless the proof names another gain. */
  readonly measured: number;
  readonly baseline: number;
  readonly conditions: readonly Condition[];
  readonly controls: readonly Control[];
  readonly figures: readonly Figures[];
  /** All answers that were checked; the first is the baseline. */
  readonly measurements: readonly Measurement[];
}

export type { Decoding, Measurement, MeasureOptions, TaskLevel };
