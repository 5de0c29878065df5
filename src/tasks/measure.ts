/**
 * Several ways of decoding on the same problems, in turn on each batch: what a machine that slows down does to one it
 * does to all, and whatever is done when a run is stopped compares like with like.
 */

import type { Method } from '../decode/method.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { defaultBatch, evaluate } from './evaluate.ts';
import { type PairedDifference, pairedDifference } from './paired.ts';
import { type ProblemSet, taskProblems } from './problem-set.ts';
import { findTask } from './registry.ts';
import type { Split } from './split.ts';
import { type Interval, wilsonInterval } from './wilson.ts';

/** A task at a level, and the room an answer gets: for a canvas method the length of the canvas. */
export interface TaskLevel {
  readonly task: string;
  readonly level: number;
  readonly maxTokens: number;
}

/** A method with options, by a name for tables. */
export interface Decoding {
  readonly label: string;
  readonly method: string | Method;
  /** What is decoded, when it is not the model that the others share. */
  readonly model?: LanguageModel;
  /** The method's own options; where they depend on the canvas, a function of the task. */
  readonly options?: MethodInput | ((task: TaskLevel) => MethodInput);
  /** The draft model of a method that takes one. */
  readonly draft?: LanguageModel;
  /** The router of a method that takes one. */
  readonly router?: LanguageModel;
}

type MethodInput = Readonly<Record<string, unknown>>;

/** What became of one problem. */
export interface Outcome {
  readonly correct: boolean;
  readonly steps: number;
  readonly forwards: number;
  /** Rows run through the model, the prompt's too. */
  readonly rows: number;
  /** Of step-level speculation: tokens that the model, not the draft, wrote. */
  readonly rewritten?: number;
  /** The answer, its end token included. */
  readonly tokens: readonly number[];
}

/** Outcomes on one task, in the order of its problems. */
export interface TaskMeasurement {
  readonly task: TaskLevel;
  readonly outcomes: readonly Outcome[];
  /** Wall time of decoding. */
  readonly seconds: number;
}

/** Outcomes of one decoding, task by task. */
export interface Measurement {
  readonly decoding: Decoding;
  readonly tasks: readonly TaskMeasurement[];
}

export interface MeasureOptions {
  /** Problems of each task. */
  samples: number;
  seed: number;
  /** Default 'test'; 'train' to choose settings by. */
  split?: Split;
  /** Problems decoded at once. Default 8. */
  batch?: number;
  signal?: AbortSignal;
  /** What an earlier call with the same arguments had measured when it was stopped. */
  known?: readonly Measurement[];
  /** Told how many problems every decoding is through with, and which decoding is at work. */
  onProgress?: (finished: number, problems: number, label: string) => void;
  /** Told after each batch that all decodings are through with. */
  onBatch?: (soFar: readonly Measurement[]) => void;
}

interface Growing {
  task: TaskLevel;
  outcomes: Outcome[];
  seconds: number;
}

/** Options of a decoding on a task. */
export function optionsOf({ options = {} }: Decoding, task: TaskLevel): MethodInput {
  return typeof options === 'function' ? options(task) : options;
}

/** The problems of a set from number `first` on. */
const from = (set: ProblemSet, first: number): ProblemSet => ({
  ...set,
  at: (index) => set.at(first + index),
});

/**
 * Measures every decoding on the same first `samples` problems of each task.
 * @throws QuickstepError as `evaluate`; the signal's reason when it aborts (`onBatch` has then told of what is whole).
 */
export async function measure(
  model: LanguageModel,
  tasks: readonly TaskLevel[],
  decodings: readonly Decoding[],
  options: MeasureOptions,
): Promise<Measurement[]> {
  const { samples, seed, split, batch = defaultBatch, signal, known, onProgress, onBatch } = options;
  if (!Number.isSafeInteger(samples) || samples < 1)
    throw new QuickstepError(
      'bad-option',
      `Option "samples": ${samples}.`,
      'It takes a whole number from 1.',
    );
  const sets = tasks.map(({ task, level }) => taskProblems(findTask(task), { seed, level, split }));
  const results = decodings.map((decoding, d) => ({
    decoding,
    tasks: tasks.map((task, t): Growing => {
      const { outcomes = [], seconds = 0 } = known?.[d].tasks[t] ?? {};
      return { task, outcomes: [...outcomes], seconds };
    }),
  }));
  const done = () => results[0].tasks.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
  const problems = samples * tasks.length;

  async function answer(d: number, t: number, first: number, count: number): Promise<Growing> {
    const { method, draft, router, model: own = model } = decodings[d];
    const outcomes: Outcome[] = [];
    const { seconds } = await evaluate(own, from(sets[t], first), {
      method,
      methodOptions: { ...optionsOf(decodings[d], tasks[t]) },
      draft,
      router,
      maxTokens: tasks[t].maxTokens,
      samples: count,
      batch: count,
      signal,
      onBatch: (_, answers) => {
        for (const { correct, result } of answers) {
          const { steps, forwards, tokens, statistics } = result;
          const { rows, rewritten } = statistics;
          outcomes.push({ correct, steps, forwards, rows, rewritten, tokens });
        }
      },
    });
    return { task: tasks[t], outcomes, seconds };
  }

  for (let first = 0; first < samples; first += batch) {
    for (const t of tasks.keys()) {
      const count = Math.min(batch, samples - first);
      if (results[0].tasks[t].outcomes.length >= first + count) continue;
      const answered: Growing[] = [];
      for (let turn = 0; turn < decodings.length; turn++) {
        // Who begins changes from batch to batch.
        const d = (turn + first / batch) % decodings.length;
        onProgress?.(done(), problems, decodings[d].label);
        answered[d] = await answer(d, t, first, count);
      }
      for (const [d, { outcomes, seconds }] of answered.entries()) {
        results[d].tasks[t].outcomes.push(...outcomes);
        results[d].tasks[t].seconds += seconds;
      }
      onBatch?.(results);
    }
  }
  onProgress?.(done(), problems, '');
  return results;
}

/** Sums over outcomes. */
export interface Totals extends Interval {
  readonly samples: number;
  readonly correct: number;
  /** With Wilson's 95 % interval [low, high]. */
  readonly accuracy: number;
  /** Means over the answers. */
  readonly steps: number;
  readonly forwards: number;
  readonly rows: number;
  readonly tokens: number;
  /** Tokens of all answers over forwards of all; padding behind an answer is none of it. */
  readonly tokensPerForward: number;
  readonly seconds: number;
}

/** Totals over some tasks of one decoding. */
export function totalsOf(tasks: readonly TaskMeasurement[]): Totals {
  const outcomes = tasks.flatMap((task) => task.outcomes);
  const samples = outcomes.length;
  const sum = (of: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const correct = sum((outcome) => (outcome.correct ? 1 : 0));
  const [steps, forwards, rows, tokens] = [
    sum((outcome) => outcome.steps),
    sum((outcome) => outcome.forwards),
    sum((outcome) => outcome.rows),
    sum((outcome) => outcome.tokens.length),
  ];
  const mean = (total: number) => (samples > 0 ? total / samples : 0);
  return {
    samples,
    correct,
    accuracy: mean(correct),
    ...wilsonInterval(correct, samples),
    steps: mean(steps),
    forwards: mean(forwards),
    rows: mean(rows),
    tokens: mean(tokens),
    tokensPerForward: forwards > 0 ? tokens / forwards : 0,
    seconds: tasks.reduce((total, { seconds }) => total + seconds, 0),
  };
}

/** What one decoding gained and lost against another on the same problems. */
export function differenceOf(
  ours: readonly TaskMeasurement[],
  theirs: readonly TaskMeasurement[],
): PairedDifference {
  const right = (tasks: readonly TaskMeasurement[]) =>
    tasks.flatMap(({ outcomes }) => outcomes.map(({ correct }) => correct));
  return pairedDifference(right(ours), right(theirs));
}

/** A measurement as data: totals and options by task, and the difference to the baseline on the same problems. */
export function measurementJson({ decoding, tasks }: Measurement, baseline: Measurement) {
  const { label, method } = decoding;
  return {
    label,
    method: typeof method === 'string' ? method : method.slug,
    tasks: tasks.map((measured, t) => ({
      ...measured.task,
      options: optionsOf(decoding, measured.task),
      ...totalsOf([measured]),
      against: differenceOf([measured], [baseline.tasks[t]]),
    })),
    all: { ...totalsOf(tasks), against: differenceOf(tasks, baseline.tasks) },
  };
}
