/**
 * From a row of logits to a token, following the sampling options. Stateless between calls apart from a scratch row:
 * the result depends on the logits, the context and the random key only.
 * Temperature 0 is greedy: the argmax after bias, penalties and user processors (the filters would keep it or are
 * meaningless there). Log probabilities are always those of the model itself: log-softmax of the logits as given,
 * before any processing.
 */
import { QuickstepError } from '../../errors.ts';
import type { RandomKey } from '../random.ts';
import { type Distribution, pointMass, sample, sampleLogits, softmax } from './distribution.ts';
import { gumbelArgmax } from './gumbel.ts';
import { parseSamplingOptions, type SamplingInput, type SamplingOptions } from './options.ts';
import {
  hasFilters,
  type LogitsContext,
  type PipelineExtras,
  samplingStages,
  shapingStages,
} from './processors.ts';
import { argmax, topM } from './select.ts';
import { logSumExp } from './softmax.ts';

/** A token and its log probability, in nats, under the model's unprocessed distribution. */
export type ScoredToken = { token: number; logprob: number };

/** The chosen token; `top` lists the most likely alternatives when `logprobs` was asked for. */
export type Choice = ScoredToken & { top?: ScoredToken[] };

export interface Sampler {
  readonly options: SamplingOptions;
  /**
   * True when the choice is the plain argmax of the logits and nothing else is reported: a program may then
   * reduce in the graph and not return logits at all.
   */
  readonly argmaxOnly: boolean;
  /**
   * The distribution after all processing; a point mass when greedy.
   * @param logits `[vocabulary]`, not changed
   * @throws QuickstepError `bad-option` when every token is ruled out or a bias names an unknown token,
   *   `bad-file` when the logits hold NaN or +Infinity
   */
  distribution(logits: Float32Array, context: LogitsContext): Distribution;
  /**
   * The logits after bias, penalties and processors, before temperature and filters. The array is the sampler's,
   * valid until its next call. Throws what `distribution` throws.
   */
  shape(logits: Float32Array, context: LogitsContext): Float32Array;
  /** Tokens with their log probabilities, and the most likely alternatives when `logprobs` was asked for. */
  report(logits: Float32Array, tokens: Iterable<number>): Choice[];
  /** Draws a token; the same key gives the same token. */
  sample(distribution: Distribution, key: RandomKey): number;
  /**
   * A token drawn as `sample` draws, but with a random number for each token of the vocabulary (the Gumbel-max form);
   * the argmax at temperature 0.
   * @param shaped what `shape` returned, or a changed copy of it
   */
  perturb(shaped: Float32Array, context: LogitsContext, key: RandomKey): number;
  /** The token `sample(distribution(…), key)` gives, with log probabilities. Throws what `distribution` throws. */
  choose(logits: Float32Array, context: LogitsContext, key: RandomKey): Choice;
}

/** Refuses rows no token can be chosen from; throws what `Sampler.distribution` throws. */
export function checkRow(logits: Float32Array): void {
  let max = Number.NEGATIVE_INFINITY;
  let hasNaN = false;
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id];
    if (value > max) max = value;
    else if (Number.isNaN(value)) hasNaN = true;
  }
  if (hasNaN || max === Number.POSITIVE_INFINITY) {
    throw new QuickstepError(
      'bad-file',
      `The logits hold ${hasNaN ? 'NaN' : '+Infinity'}.`,
      'The weights are damaged or overflow in this precision (try fp32), or a logits processor wrote the value.',
    );
  }
  if (max === Number.NEGATIVE_INFINITY) {
    throw new QuickstepError(
      'bad-option',
      'Every token is ruled out.',
      'Allow at least one token in logitBias, in the logits processors or in the grammar.',
    );
  }
}

/**
 * Builds a sampler.
 * @throws QuickstepError `bad-option` when an option is unknown or out of range
 */
export function createSampler(input: SamplingInput = {}, extras: PipelineExtras = {}): Sampler {
  const options = parseSamplingOptions(input);
  const shaping = shapingStages(options, extras);
  const sampling = samplingStages(options);
  const greedy = options.temperature === 0;
  let scratch = new Float32Array(0);

  function shape(logits: Float32Array, context: LogitsContext): Float32Array {
    if (scratch.length !== logits.length) scratch = new Float32Array(logits.length);
    scratch.set(logits);
    for (const stage of shaping) stage.apply(scratch, context);
    checkRow(scratch);
    return scratch;
  }

  /** The processed copy of the logits, valid until the next call. */
  function prepare(logits: Float32Array, context: LogitsContext): Float32Array {
    const row = shape(logits, context);
    for (const stage of sampling) stage.apply(row, context);
    return row;
  }

  function report(logits: Float32Array, tokens: Iterable<number>): Choice[] {
    const logTotal = logSumExp(logits);
    const score = (id: number): ScoredToken => ({ token: id, logprob: logits[id] - logTotal });
    if (options.logprobs === undefined) return Array.from(tokens, score);
    const top = Array.from(topM(logits, options.logprobs), score);
    return Array.from(tokens, (token) => ({ ...score(token), top }));
  }

  function distribution(logits: Float32Array, context: LogitsContext): Distribution {
    const row = prepare(logits, context);
    return greedy ? pointMass(argmax(row)) : softmax(row);
  }

  function perturb(shaped: Float32Array, context: LogitsContext, key: RandomKey): number {
    if (greedy) return argmax(shaped);
    if (!hasFilters(options)) return gumbelArgmax(shaped, options.temperature, key);
    const kept = shaped.slice();
    for (const stage of sampling) stage.apply(kept, context);
    return gumbelArgmax(shaped, options.temperature, key, kept);
  }

  function choose(logits: Float32Array, context: LogitsContext, key: RandomKey): Choice {
    const row = prepare(logits, context);
    const token = greedy ? argmax(row) : sampleLogits(row, key);
    return report(logits, [token])[0];
  }

  const argmaxOnly = greedy && shaping.length === 0 && options.logprobs === undefined;
  return { options, argmaxOnly, distribution, shape, report, sample, perturb, choose };
}
