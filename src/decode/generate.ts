/**
 * The front door: a prompt, a model and a method in; steps out. The iterator yields every Step; its `result`
 * promise holds the finished answer, and awaiting `generate(...).result` alone runs it to the end.
 */

import { z } from 'zod';
import type { KvCache } from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { ChatMessage } from '../text/chat.ts';
import { type ConstraintOptions, constraintKeys, constraintOf, readAnswer } from './constrained/options.ts';
import { AnswerConstraint, constraintProcessor } from './constrained/processor.ts';
import { type Decoder, decode } from './loop.ts';
import { checkNeeds, defaultMethod, type Method, parseMethodOptions } from './method.ts';
import { findMethod } from './registry.ts';
import { type Masking, Run } from './run.ts';
import { type SamplingInput, samplingOptions } from './sampling/options.ts';
import type { LogitsProcessor } from './sampling/processors.ts';
import { createSampler, type Sampler } from './sampling/sampler.ts';
import { companionLanes } from './speculative/pair.ts';
import type { CommittedToken, FinishReason, Statistics, Step } from './step.ts';

/** Text, a conversation for the model's chat template, or token ids as they are. */
export type Prompt = string | readonly ChatMessage[] | { tokens: readonly number[] };

/** Limits of an answer; sampling options and a method's own options stand beside them. */
export const limitOptions = z.strictObject({
  maxTokens: z.int().min(0).default(256).describe('Longest answer, in tokens.'),
  stop: z
    .array(z.string().min(1))
    .max(64)
    .default([])
    .describe('Texts that end the answer; they are not part of it.'),
  ignoreEos: z.boolean().default(false).describe('Go on past the end token, up to the token limit.'),
});

export interface GenerateOptions extends SamplingInput, ConstraintOptions, z.input<typeof limitOptions> {
  /**
   * Slug of the method, or a method of your own. Default: 'greedy', or 'sample' when a temperature is given;
   * 'diffusion' for a masked-diffusion model.
   */
  method?: string | Method;
  /** The method's own options. */
  methodOptions?: Record<string, unknown>;
  /** A smaller model of the same tokenizer, for methods that draft with one. */
  draft?: LanguageModel;
  /** A model of the same tokenizer that judges steps, for methods that ask one. */
  router?: LanguageModel;
  /** Logits processors of your own, after the penalties. */
  processors?: readonly LogitsProcessor[];
  signal?: AbortSignal;
}

/** A finished answer. */
export interface Result {
  text: string;
  tokens: number[];
  /** Each token of the answer with its probability, in the answer's order. */
  committed: CommittedToken[];
  finish: FinishReason;
  promptTokens: number;
  /** Steps that committed tokens or read the prompt. */
  steps: number;
  forwards: number;
  /** Seconds until the first token (the prompt's reading), and in all. */
  firstTokenSeconds: number;
  seconds: number;
  /** Answer tokens per second, all the time counted. */
  tokensPerSecond: number;
  statistics: Statistics;
  /** All answers, best first, of a method that writes several; the first is this one. */
  answers?: { text: string; tokens: number[]; score: number }[];
}

/** A finished answer under a schema. */
export interface TypedResult<T> extends Result {
  /** What the answer says, as the schema reads it. */
  value: T;
}

type WithZod<T> = GenerateOptions & { schema: z.ZodType<T> };
type WithSchema = GenerateOptions & { schema: NonNullable<GenerateOptions['schema']> };

/** Steps as they happen, and the results when they are done. */
export interface Generation<R> extends AsyncIterable<Step> {
  /** Runs what is left and resolves with the answer. */
  readonly result: Promise<R>;
}

/** Tokens of a prompt. Text goes in as it is; messages go through the chat template. */
export function promptTokens(model: LanguageModel, prompt: Prompt): readonly number[] {
  if (typeof prompt === 'string') return model.tokenizer.encode(prompt);
  if ('tokens' in prompt) return prompt.tokens;
  if (!model.chatTemplate) {
    throw new QuickstepError(
      'unsupported',
      `${model.id} has no chat template.`,
      'Give the prompt as plain text.',
    );
  }
  const text = model.chatTemplate.render(prompt, { addGenerationPrompt: true });
  return model.tokenizer.encode(text, { addSpecialTokens: false });
}

const samplingKeys = Object.keys(samplingOptions.shape);

/** The sampling options among all options; a sampled method without a temperature samples at 1. */
function samplerFor(
  method: Method,
  options: GenerateOptions,
  model: LanguageModel,
  extra: readonly LogitsProcessor[],
): Sampler {
  const input = Object.fromEntries(Object.entries(options).filter(([key]) => samplingKeys.includes(key)));
  if (method.sampling === 'sampled') input.temperature ??= 1;
  const processors = [...(options.processors ?? []), ...extra];
  const sampler = createSampler(input, { eosIds: model.eosIds, processors });
  const { temperature } = sampler.options;
  if (method.sampling === 'greedy' && temperature > 0) {
    const hint = 'Use --method sample, or leave the temperature out.';
    throw new QuickstepError(
      'bad-option',
      `Method ${method.slug} does not sample: temperature ${temperature}.`,
      hint,
    );
  }
  if (method.sampling === 'sampled' && temperature === 0) {
    const hint = 'Use --method greedy, or a temperature above 0.';
    throw new QuickstepError('bad-option', `Method ${method.slug} needs a temperature above 0.`, hint);
  }
  return sampler;
}

function chooseMethod({ capabilities }: LanguageModel, { method, temperature = 0 }: GenerateOptions): Method {
  if (typeof method === 'object') return method;
  return findMethod(method ?? defaultMethod(capabilities, temperature));
}

const ownKeys = ['method', 'methodOptions', 'draft', 'router', 'processors', 'signal', ...constraintKeys];

/** Limits, with every unknown key refused. */
function parseLimits(options: GenerateOptions): z.output<typeof limitOptions> {
  const known = [...ownKeys, ...samplingKeys, ...Object.keys(limitOptions.shape)];
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const hint = `Options: ${known.join(', ')}. A method's own options go into methodOptions.`;
    throw new QuickstepError('bad-option', `Unknown option "${key}".`, hint);
  }
  const { maxTokens, stop, ignoreEos } = options;
  const parsed = limitOptions.safeParse({ maxTokens, stop, ignoreEos });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = String(issue.path[0]) as keyof typeof limitOptions.shape;
  const hint = limitOptions.shape[name]?.description ?? '';
  throw new QuickstepError('bad-option', `Option "${name}": ${issue.message}.`, hint);
}

/**
 * Decodes one prompt.
 * @example for await (const step of generate(model, 'Once upon a time')) process.stdout.write(step.text);
 * @throws QuickstepError 'bad-option', 'bad-input', 'unsupported' or 'not-found' before the first step, and the
 * signal's reason when it aborts.
 */
export function generate<T>(
  model: LanguageModel,
  prompt: Prompt,
  options: WithZod<T>,
): Generation<TypedResult<T>>;
export function generate(
  model: LanguageModel,
  prompt: Prompt,
  options: WithSchema,
): Generation<TypedResult<unknown>>;
export function generate(model: LanguageModel, prompt: Prompt, options?: GenerateOptions): Generation<Result>;
export function generate(
  model: LanguageModel,
  prompt: Prompt,
  options: GenerateOptions = {},
): Generation<Result> {
  const { steps, results } = start(model, [prompt], options);
  return generation(steps, () => results()[0]);
}

/** Decodes several prompts at once, sharing forwards; the answers are those of single runs. */
export function generateBatch<T>(
  model: LanguageModel,
  prompts: readonly Prompt[],
  options: WithZod<T>,
): Generation<TypedResult<T>[]>;
export function generateBatch(
  model: LanguageModel,
  prompts: readonly Prompt[],
  options: WithSchema,
): Generation<TypedResult<unknown>[]>;
export function generateBatch(
  model: LanguageModel,
  prompts: readonly Prompt[],
  options?: GenerateOptions,
): Generation<Result[]>;
export function generateBatch(
  model: LanguageModel,
  prompts: readonly Prompt[],
  options: GenerateOptions = {},
): Generation<Result[]> {
  const { steps, results } = start(model, prompts, options);
  return generation(steps, results);
}

function maskingOf({ config, eosIds }: LanguageModel): Masking | undefined {
  const { corruption, maskTokenId, vocabSize, causalPrompt, shiftLogits } = config;
  if (!corruption) return undefined;
  return {
    corruption:
      corruption === 'mask' ? { kind: 'mask', maskId: maskTokenId! } : { kind: 'uniform', vocabSize },
    causalPrompt,
    shiftLogits,
    endIds: eosIds,
  };
}

/**
 * The constraint of the options, which the limits must leave whole.
 * @throws QuickstepError as `constraintOf`, and 'bad-option' for options that cut an answer off
 */
function checkedConstraint(model: LanguageModel, options: GenerateOptions) {
  const constraint = constraintOf(model, options);
  if (!constraint) return undefined;
  const cuts = (['ignoreEos', 'stop', 'minTokens'] as const).find((key) => {
    const value = options[key];
    return Array.isArray(value) ? value.length > 0 : Boolean(value);
  });
  if (cuts) {
    const hint = 'A constrained answer ends where the constraint lets it.';
    throw new QuickstepError('bad-option', `Option "${cuts}" does not go with a constraint.`, hint);
  }
  return constraint;
}

function start(model: LanguageModel, prompts: readonly Prompt[], options: GenerateOptions) {
  const open = requests(model, options);
  const batch = model.newBatch();
  const all = prompts.map((prompt, request) => open(prompt, request, batch.open()));
  async function* steps(): AsyncGenerator<Step, void, void> {
    for await (const step of decode(model, batch, all, options.signal)) {
      all[step.request].record(step);
      yield step;
    }
  }
  const results = () => all.map((request) => withValue(request.result(), options));
  return { steps: steps(), results };
}

/** A prompt that is to be decoded, for a `RunningSet`, and what its steps add up to. */
export interface Request extends Decoder {
  record(step: Step): void;
  /** The answer, once the run has finished. */
  result(): Result;
}

/**
 * Checks the options, once for all requests that have them.
 * @returns what makes a request of a prompt, its number in the step records and the cache that it decodes in.
 * @throws QuickstepError 'bad-option', 'unsupported' or 'not-found'; the returned function 'bad-input' for a prompt that
 * cannot be decoded, see `checkPrompt`.
 */
export function requests(
  model: LanguageModel,
  options: GenerateOptions,
): (prompt: Prompt, request: number, cache: KvCache) => Request {
  const method = chooseMethod(model, options);
  checkNeeds(method, model);
  const methodOptions = parseMethodOptions(method, options.methodOptions);
  const { maxTokens, stop, ignoreEos } = parseLimits(options);
  const drafts = companionLanes('draft', method, model, options.draft);
  const routers = companionLanes('router', method, model, options.router);
  const constraint = checkedConstraint(model, options);
  const { contextLength } = model.config;
  return (prompt, request, cache) => {
    const tokens = promptTokens(model, prompt);
    const longest = Math.min(maxTokens, contextLength - tokens.length);
    const answers = constraint && new AnswerConstraint(constraint, longest);
    // Last of all, so that no other processor brings a token back. A canvas has masks of its own.
    const isCanvas = method.needs.some((need) => need === 'canvas' || need === 'mask-token');
    const masks = answers && !method.constrains && !isCanvas ? [constraintProcessor(answers)] : [];
    const make = (extra: readonly LogitsProcessor[]) =>
      samplerFor(method, options, model, [...extra, ...masks]);
    const run = new Run({
      request,
      prompt: tokens,
      cache,
      sampler: make([]),
      tokenizer: model.tokenizer,
      eosIds: ignoreEos ? [] : model.eosIds,
      contextLength,
      maxTokens,
      stop,
      masking: maskingOf(model),
      draft: drafts?.open(),
      constraint: answers,
      router: routers?.open(),
      model,
      findFolder: model.findFolder,
    });
    const phases = method.phases(methodOptions, run);
    if (phases.score) run.sampler = make(phases.score);
    const recorder = new Recorder(run);
    return {
      run,
      phases,
      record: (step) => recorder.add(step),
      result: () => recorder.result(),
    };
  };
}

function withValue(result: Result, { schema }: GenerateOptions): Result | TypedResult<unknown> {
  if (schema === undefined) return result;
  return { ...result, value: readAnswer(schema, result.text, result.finish === 'eos') };
}

/** One iterator over the steps, whether a consumer pulls them or `result` runs them to the end. */
function generation<R>(steps: AsyncGenerator<Step, void, void>, result: () => R): Generation<R> {
  let finished: Promise<R> | undefined;
  return {
    [Symbol.asyncIterator]: () => steps,
    get result() {
      finished ??= (async () => {
        for await (const _ of steps);
        return result();
      })();
      return finished;
    },
  };
}

/** Gathers a run's steps into its result. */
class Recorder {
  readonly #run: Run;
  readonly #committed: CommittedToken[] = [];
  readonly #started = performance.now();
  #text = '';
  #steps = 0;
  #firstToken = 0;
  #last = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  add(step: Step): void {
    this.#last = (performance.now() - this.#started) / 1000;
    if (this.#committed.length === 0 && step.committed.length > 0) this.#firstToken = this.#last;
    this.#committed.push(...step.committed);
    this.#text += step.text;
    this.#steps++;
  }

  result(): Result {
    const run = this.#run;
    const { finish, statistics, prompt, generated } = run;
    if (!finish) throw new Error('the run was stopped before its end');
    const tokens = [...generated];
    return {
      text: this.#text,
      tokens,
      committed: this.#committed
        .filter(({ position }) => position < tokens.length)
        .toSorted((a, b) => a.position - b.position),
      finish,
      promptTokens: prompt.length,
      steps: this.#steps,
      forwards: statistics.forwards,
      firstTokenSeconds: this.#firstToken,
      seconds: this.#last,
      tokensPerSecond: this.#last > 0 ? tokens.length / this.#last : 0,
      statistics,
      ...(run.answers && {
        answers: run.answers.map(({ tokens, score }) => ({
          text: run.answerOf(tokens),
          tokens: [...tokens],
          score,
        })),
      }),
    };
  }
}
