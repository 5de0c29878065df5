/**
 * BatchLLM (arXiv:2412.03594): a batch whose prompts are all known is decoded with as little computed twice, and as
 * few slots held, as can be. Prompts that share a prefix run together (`prefix-groups.ts`, `prefixes.ts`), those that
 * decode much begin early (`order.ts`), prompts begin as long as there is memory rather than up to a number of runs, and
 * each forward mixes what decodes with chunks of prompts up to a budget of rows (`RunningSet`).
 *
 * All runs share one lane, so a shared prefix is a fork and attention over it a mask. A row's result does not depend on
 * its neighbours; when a prompt begins, what it shares and whether it has to begin again change nothing in its answer.
 */

import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { type GenerateOptions, limitOptions, type Prompt, promptTokens, type Result } from '../generate.ts';
import { checkPrompt } from '../run.ts';
import { type BatchStatistics, type Job, Schedule } from './schedule.ts';

export type { BatchStatistics };

export const batchOptions = z.strictObject({
  sharing: z
    .enum(['groups', 'recent', 'none'])
    .default('groups')
    .describe(
      'Prompts share prefixes: in groups that are found beforehand; with whatever was read recently; or not at all.',
    ),
  order: z
    .enum(['decode-heavy', 'given'])
    .default('decode-heavy')
    .describe('Which prompts begin first: those with long answers for what they read, or as they are given.'),
  budget: z
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .describe('Rows of a forward: one for each answer being decoded, the rest for prompts.'),
  maxSlots: z
    .int()
    .min(64)
    .max(2 ** 22)
    .default(2048)
    .describe('Tokens in the K/V cache at which no further prompt begins.'),
  maxRunning: z
    .int()
    .min(1)
    .max(65_536)
    .default(65_536)
    .describe('Prompts and answers under way at once; by default as many as there is memory for.'),
});

export type BatchOptions = z.input<typeof batchOptions> & {
  signal?: AbortSignal;
  /** Called after every forward. */
  onProgress?(progress: BatchProgress): void;
};

/** One prompt of a batch. */
export interface BatchRequest {
  prompt: Prompt;
  /** Sampling, limits, method and constraint of this prompt. */
  options?: Omit<GenerateOptions, 'signal' | 'draft'>;
  /** Answer tokens, where one can tell. Wrong ones cost time and change no answer. */
  expected?: number;
}

/** How a request ended: its answer, or why there is none. */
export type BatchOutcome = { index: number } & ({ result: Result } | { error: QuickstepError });

export interface BatchProgress {
  finished: number;
  requests: number;
  /** Rows run for finished requests and running ones, and those expected in all. */
  done: number;
  total: number;
  statistics: BatchStatistics;
}

/**
 * Decodes all prompts and yields each outcome as soon as it is known. A prompt that cannot be decoded is an outcome
 * with an error and stops no other.
 * @example for await (const { index, result } of decodeBatch(model, [{ prompt: 'Once' }, { prompt: 'Twice' }])) …
 * @throws QuickstepError 'bad-option' for options of the batch, 'unsupported' for a model that does not write from left
 * to right; the signal's reason when it aborts.
 */
export async function* decodeBatch(
  model: LanguageModel,
  batch: readonly BatchRequest[],
  { signal, onProgress, ...given }: BatchOptions = {},
): AsyncGenerator<BatchOutcome, void, void> {
  const options = parseOptions(given);
  if (!model.capabilities.has('causal')) {
    const hint = 'Use generateBatch for canvas models.';
    throw new QuickstepError('unsupported', `${model.id} does not write from left to right.`, hint);
  }
  const jobs: Job[] = [];
  for (const [index, request] of batch.entries()) {
    const job = jobOf(model, request, index, options.maxSlots);
    if ('error' in job) yield job;
    else jobs.push(job);
  }
  const rejected = batch.length - jobs.length;
  const schedule = new Schedule(model, jobs, options);
  try {
    while (!schedule.done) {
      signal?.throwIfAborted();
      yield* schedule.begin();
      yield* schedule.step(signal);
      const { finished, ...progress } = schedule.progress;
      onProgress?.({ ...progress, finished: finished + rejected, requests: batch.length });
    }
  } finally {
    schedule.close();
  }
}

function parseOptions(given: z.input<typeof batchOptions>): z.output<typeof batchOptions> {
  const parsed = batchOptions.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const known = `Options: ${Object.keys(batchOptions.shape).join(', ')}.`;
  throw new QuickstepError('bad-option', `Batch option ${issue.path.join('.')}: ${issue.message}.`, known);
}

/** The work of a request whose prompt can be decoded. */
function jobOf(
  model: LanguageModel,
  request: BatchRequest,
  index: number,
  maxSlots: number,
): Job | { index: number; error: QuickstepError } {
  const { prompt, options = {}, expected } = request;
  try {
    const tokens = promptTokens(model, prompt);
    const { contextLength, vocabSize } = model.config;
    checkPrompt(tokens, contextLength, vocabSize);
    if (tokens.length + 1 > maxSlots) {
      const message = `The prompt has ${tokens.length} tokens, the cache ${maxSlots} slots.`;
      throw new QuickstepError('out-of-memory', message, 'Raise maxSlots.');
    }
    const { maxTokens = limitOptions.shape.maxTokens.parse(undefined), ignoreEos = false } = options;
    const limit = Math.min(maxTokens, contextLength - tokens.length);
    return {
      ...{ index, tokens, options, limit },
      known: expected !== undefined || ignoreEos,
      expected: Math.min(expected ?? limit, limit),
    };
  } catch (error) {
    if (QuickstepError.isInstance(error)) return { index, error };
    throw error;
  }
}
