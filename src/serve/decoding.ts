/** From a checked request to a running answer: what the OpenAI routes and the step stream have in common. */

import { randomInt } from 'node:crypto';
import type { ContinuousBatch } from '../decode/continuous.ts';
import {
  type GenerateOptions,
  type Generation,
  limitOptions,
  type Prompt,
  type Result,
} from '../decode/generate.ts';
import { ApiError } from './api-error.ts';
import { type ModelPool, methodOf } from './models.ts';

/** What decoding needs of a server. */
export interface Decoding {
  readonly models: ModelPool;
  readonly maxAnswer: number;
}

/** A request that is ready to be decoded. */
export interface Ready {
  readonly batch: ContinuousBatch;
  readonly method: string;
  readonly options: GenerateOptions;
  /** Starts answers to a prompt, which is read once; each further one has the next seed. */
  start(prompt: Prompt, signal: AbortSignal, answers?: number): Generation<Result>[];
}

const usualAnswer = limitOptions.shape.maxTokens.parse(undefined);

/**
 * Finds the model and completes the options. A sampled answer without a seed gets a random one.
 * @throws ApiError 404 for a model that is not served, 400 for an answer longer than the server's limit
 */
export async function prepare(
  { models, maxAnswer }: Decoding,
  model: string,
  input: GenerateOptions & { method?: string },
): Promise<Ready> {
  const { maxTokens = Math.min(usualAnswer, maxAnswer) } = input;
  if (maxTokens > maxAnswer) {
    const message = `At most ${maxAnswer} tokens may be asked for, not ${maxTokens}.`;
    throw new ApiError(400, 'invalid_value', message, { param: 'max_tokens' });
  }
  const batch = await models.batch(model);
  const method = methodOf(batch.model, input.method, Number(input.temperature ?? 0));
  const draft = await models.draftFor(batch.model.id, method);
  const seed = input.seed ?? randomInt(2 ** 31);
  const options = { ...given(input), maxTokens, method, draft, seed };
  return {
    batch,
    method,
    options,
    start: (prompt, signal, answers = 1) =>
      batch.generateChoices(
        prompt,
        Array.from({ length: answers }, (_, index) => ({
          ...options,
          seed: typeof seed === 'number' ? seed + index : seed,
          signal,
        })),
      ),
  };
}

/** Fields without those that are left out. */
function given<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
