/**
 * Accuracy of a model with any method on a set of problems, in batches that share forwards. Prompts are a user's turn
 * where the model has a chat template, and plain text elsewhere.
 */

import { type GenerateOptions, generateBatch, type Prompt, type Result } from '../decode/generate.ts';
import { defaultMethod, type Method } from '../decode/method.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { ProblemSet } from './problem-set.ts';
import type { Problem } from './task.ts';
import { wilsonInterval } from './wilson.ts';

/** One problem with what the model made of it. */
export interface Answer {
  readonly problem: Problem;
  readonly text: string;
  readonly correct: boolean;
  readonly result: Result;
}

/** Counts of steps, forwards and tokens are sums over the answers, so they do not depend on the batch size. */
export interface Evaluation {
  readonly model: string;
  readonly task: string;
  readonly level: number | null;
  readonly method: string;
  /** Problems answered. */
  readonly samples: number;
  readonly seed: number;
  readonly correct: number;
  readonly accuracy: number;
  /** Wilson's 95 % interval of the accuracy. */
  readonly low: number;
  readonly high: number;
  readonly steps: number;
  readonly forwards: number;
  /** Rows run through the model, prompts included. */
  readonly rows: number;
  readonly tokens: number;
  /** Wall time of decoding. */
  readonly seconds: number;
}

export interface EvaluateOptions extends GenerateOptions {
  /** Problems asked; a file's size when that is less. Default 100. */
  samples?: number;
  /** Prompts decoded at once. Default 8. */
  batch?: number;
  /** Solved problems shown before each one, for models that do not know the format. Default 0. */
  shots?: number;
  /** Told of each answer that ends, also of those in a batch that is not done. */
  onProgress?: (finished: number, samples: number) => void;
  /** Told of each batch with the evaluation so far, which an abort leaves as the last word. */
  onBatch?: (soFar: Evaluation, answers: readonly Answer[]) => void;
}

export const defaultSamples = 100;
export const defaultBatch = 8;

/** The longest answer unless `maxTokens` says otherwise; those of the tasks have up to 75 tokens. */
export const defaultMaxTokens = 128;

function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  const hint = `It takes a whole number from ${least}.`;
  throw new QuickstepError('bad-option', `Option "${name}": ${value}.`, hint);
}

/** What follows a solved problem in plain text. */
const shotEnd = '\n\n';

/** The prompt of a problem after solved ones, as the model wants it. */
export function evaluationPrompt(
  model: LanguageModel,
  shots: readonly Problem[],
  { prompt }: Problem,
): Prompt {
  if (!model.chatTemplate) {
    return [...shots.map((shot) => `${shot.prompt}\n${shot.answer}${shotEnd}`), `${prompt}\n`].join('');
  }
  const turns = shots.flatMap((shot) => [
    { role: 'user', content: shot.prompt },
    { role: 'assistant', content: shot.answer },
  ]);
  return [...turns, { role: 'user', content: prompt }];
}

function slugOf(model: LanguageModel, method: string | Method | undefined, temperature = 0): string {
  if (typeof method === 'object') return method.slug;
  return method ?? defaultMethod(model.capabilities, temperature);
}

/**
 * Evaluates a model on the first `samples` problems of a set.
 * @example await evaluate(model, testProblems(findTask('countdown'), { seed: 1 }), { method: 'prompt-lookup' })
 * @throws QuickstepError as `generate`, and 'bad-option' for a bad number of samples, shots or a bad batch size; the
 * signal's reason when it aborts (`onBatch` has then told of all whole batches; a batch cut short would favour short
 * answers).
 */
export async function evaluate(
  model: LanguageModel,
  set: ProblemSet,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const {
    samples: asked = defaultSamples,
    batch = defaultBatch,
    shots: shotCount = 0,
    onProgress,
    onBatch,
    ...decoding
  } = options;
  wholeNumber('batch', batch, 1);
  const shots = set.shots(wholeNumber('shots', shotCount, 0));
  const samples = Math.min(wholeNumber('samples', asked, 1), set.size - shots.length);
  if (samples < 1) {
    throw new QuickstepError(
      'bad-option',
      `Option "shots": ${shotCount}.`,
      `${set.name} has ${set.size} problems.`,
    );
  }
  const method = slugOf(model, decoding.method, decoding.temperature);
  // A plain-text model would go on and set itself the next problem.
  const stop = shots.length > 0 && !model.chatTemplate ? [shotEnd] : [];
  const generateOptions = { maxTokens: defaultMaxTokens, stop, ...decoding };
  const totals = { samples: 0, correct: 0, steps: 0, forwards: 0, rows: 0, tokens: 0, seconds: 0 };
  const soFar = (): Evaluation => {
    const { samples: answered, correct, ...spent } = totals;
    return {
      model: model.id,
      task: set.name,
      level: set.level,
      method,
      samples: answered,
      seed: set.seed,
      correct,
      accuracy: answered > 0 ? correct / answered : 0,
      ...wilsonInterval(correct, answered),
      ...spent,
    };
  };

  while (totals.samples < samples) {
    const count = Math.min(batch, samples - totals.samples);
    const asking = Array.from({ length: count }, (_, i) => set.at(totals.samples + i));
    const prompts = asking.map((problem) => evaluationPrompt(model, shots, problem));
    const started = performance.now();
    const generation = generateBatch(model, prompts, generateOptions);
    let finished = totals.samples;
    for await (const { finish } of generation) if (finish) onProgress?.(++finished, samples);
    const results = await generation.result;
    totals.seconds += (performance.now() - started) / 1000;
    const answers = results.map((result, i): Answer => {
      const { text } = result;
      return { problem: asking[i], text, correct: set.check(asking[i], text), result };
    });
    for (const { correct, result } of answers) {
      totals.samples++;
      totals.correct += correct ? 1 : 0;
      totals.steps += result.steps;
      totals.forwards += result.forwards;
      totals.rows += result.statistics.rows;
      totals.tokens += result.tokens.length;
    }
    onBatch?.(soFar(), answers);
  }
  return soFar();
}
