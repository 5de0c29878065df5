/** Runs a method over a model of plain TypeScript, from token ids to token ids. Test support. */

import type { KvCache } from '../../cache/index.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { findFolder } from '../../weights/source-local.ts';
import type { Language } from '../constrained/language.ts';
import { AnswerConstraint, constraintProcessor } from '../constrained/processor.ts';
import { TokenConstraint } from '../constrained/token-constraint.ts';
import { Vocabulary } from '../constrained/vocabulary.ts';
import { decode } from '../loop.ts';
import { type Method, type MethodOptions, parseMethodOptions } from '../method.ts';
import { type Masking, Run } from '../run.ts';
import type { SamplingInput } from '../sampling/options.ts';
import { createSampler } from '../sampling/sampler.ts';
import { type DraftLane, DraftLanes } from '../speculative/draft-lanes.ts';
import type { Step } from '../step.ts';
import { cachedContextModel, type NextLogits } from './cached-context.ts';

/** Token t reads as the t-th letter of the alphabet. */
export const letters: Tokenizer = {
  vocabSize: 26,
  bosId: undefined,
  eosIds: [],
  specialIds: new Set(),
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 97),
  decode: (ids) => String.fromCharCode(...ids.map((id) => 97 + id)),
  bytes: (id) => Uint8Array.of(97 + id),
  piece: (id) => String.fromCharCode(97 + id),
};

export interface TokenRunOptions {
  prompt: readonly number[];
  maxTokens: number;
  sampling?: SamplingInput;
  methodOptions?: Record<string, unknown>;
  eosIds?: readonly number[];
  stop?: readonly string[];
  contextLength?: number;
  masking?: Masking;
  /** The answer belongs to this language of lower-case letters. */
  language?: Language;
}

export interface DecodeTokensOptions extends TokenRunOptions {
  /** The language of a draft model. */
  draft?: NextLogits;
  /** Longest text of the draft model; that of the run without it. */
  draftContext?: number;
}

/** A language as a constraint on answers of letters. */
export const constraintOfLetters = (language: Language, eosIds: readonly number[], maxTokens: number) =>
  new AnswerConstraint(new TokenConstraint(language, new Vocabulary(letters, eosIds)), maxTokens);

/**
 * A run of these options in an open lane.
 * @param constrains The method keeps to the constraint by itself, as those of a canvas do.
 */
export function newRun(
  cache: KvCache,
  options: TokenRunOptions & { request?: number; lane?: DraftLane },
  constrains = false,
): Run {
  const { request = 0, sampling = {}, eosIds = [], stop = [], contextLength = 1000, lane, ...rest } = options;
  const constraint = rest.language && constraintOfLetters(rest.language, eosIds, rest.maxTokens);
  const processors = constraint && !constrains && !rest.masking ? [constraintProcessor(constraint)] : [];
  const sampler = createSampler(sampling, { eosIds, processors });
  const limits = { ...rest, eosIds, stop, contextLength };
  return new Run({
    ...limits,
    request,
    cache,
    sampler,
    tokenizer: letters,
    draft: lane,
    constraint,
    findFolder,
  });
}

/** Cost of a draft forward in tests, in forwards of the model. */
const draftCost = 0.1;

/** Lanes of a draft model in plain TypeScript for a model of `vocabSize` tokens. */
export function draftLanesOf(draft: NextLogits, vocabSize: number, contextLength = 1000): DraftLanes {
  const { batch, forwardLanes } = cachedContextModel(draft);
  const config = { contextLength, vocabSize: draft([0]).length };
  return new DraftLanes({ config, forwardLanes, newBatch: () => batch }, { vocabSize, cost: draftCost });
}

/** The run after its end, and its steps. Throws when a K/V slot is still in use. */
export async function decodeTokens<O extends MethodOptions>(
  method: Method<O>,
  logitsOf: NextLogits,
  options: DecodeTokensOptions,
): Promise<{ run: Run; steps: Step[] }> {
  const model = cachedContextModel(logitsOf);
  const { draft, draftContext = options.contextLength } = options;
  const lanes = draft && draftLanesOf(draft, logitsOf([0]).length, draftContext);
  const run = newRun(model.batch.open(), { ...options, lane: lanes?.open() }, method.constrains);
  const phases = method.phases(parseMethodOptions(method, options.methodOptions), run);
  const steps: Step[] = [];
  for await (const step of decode(model, model.batch, [{ run, phases }])) steps.push(step);
  const used = model.batch.used + (lanes?.used ?? 0);
  if (used > 0) throw new Error(`${used} slots were not freed`);
  return { run, steps };
}
