/**
 * The state of one request: its tokens, its cached sequences, and how tokens become text. Phases read and change
 * a run; the loop drives it. Nothing here runs a model.
 */

import { type CachedPrefix, type KvCache, type NewRows, rowsOf, type Sequence } from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import type { Scores } from '../models/forward.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { StreamDetokenizer } from '../text/detokenize.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { FindFolder } from '../weights/folder.ts';
import type { AnswerConstraint } from './constrained/processor.ts';
import type { Corruption } from './corruption.ts';
import { type RandomKey, randomStreams } from './random.ts';
import type { Distribution } from './sampling/distribution.ts';
import type { LogitsContext } from './sampling/processors.ts';
import type { Choice, Sampler } from './sampling/sampler.ts';
import type { DraftLane } from './speculative/draft-lanes.ts';
import { type CommittedToken, type FinishReason, newStatistics } from './step.ts';
import { createStopper, type Stopper } from './stop.ts';

/** What policies know of a model that fills a canvas. */
export interface Masking {
  /** What an undecided position is fed as. */
  corruption: Corruption;
  /** The prompt does not see the canvas, so that its keys and values can be kept. */
  causalPrompt: boolean;
  /** The logits of a position are those of the row before it. */
  shiftLogits: boolean;
  /** The model's end tokens, also when the run goes on past them. */
  endIds: readonly number[];
}

/** One of several answers of a run. */
export interface RankedAnswer {
  readonly tokens: readonly number[];
  /** What the method ranks answers by, in nats; the higher, the better. */
  readonly score: number;
}

/** Stands in a canvas where nothing is committed yet. */
export const vacant = -1;

export interface RunOptions {
  request: number;
  prompt: readonly number[];
  cache: KvCache;
  sampler: Sampler;
  tokenizer: Tokenizer;
  eosIds: readonly number[];
  /** Longest prompt plus answer, in tokens. */
  contextLength: number;
  maxTokens: number;
  stop: readonly string[];
  masking?: Masking;
  draft?: DraftLane;
  constraint?: AnswerConstraint;
  router?: DraftLane;
  model?: LanguageModel;
  findFolder?: FindFolder;
}

/**
 * Refuses a prompt that cannot be decoded.
 * @throws QuickstepError 'bad-input' for an empty prompt, one longer than the context, or a token outside the vocabulary.
 */
export function checkPrompt(prompt: readonly number[], contextLength: number, vocabSize = Infinity): void {
  if (prompt.length === 0) {
    const hint = 'Give some text, or a model that starts with BOS.';
    throw new QuickstepError('bad-input', 'The prompt has no tokens.', hint);
  }
  if (prompt.length > contextLength) {
    const hint = 'Shorten it or load a model with a longer context.';
    const message = `The prompt has ${prompt.length} tokens, the context ${contextLength}.`;
    throw new QuickstepError('bad-input', message, hint);
  }
  const wrong = prompt.find((token) => !(token >= 0 && token < vocabSize));
  if (wrong === undefined) return;
  const hint = 'Was the text encoded with another tokenizer?';
  throw new QuickstepError('bad-input', `Token ${wrong} is outside the vocabulary of ${vocabSize}.`, hint);
}

export class Run {
  readonly request: number;
  readonly prompt: readonly number[];
  readonly cache: KvCache;
  sampler: Sampler;
  readonly eosIds: readonly number[];
  readonly statistics = newStatistics();
  /** The run's own sequence in the cache; methods may add others with `fork`. */
  sequence: Sequence;
  finish: FinishReason | undefined;
  readonly masking: Masking | undefined;
  /** The run's lane in a draft model, for methods that take one. */
  readonly draft: DraftLane | undefined;
  /** What the answer must keep to. */
  readonly constraint: AnswerConstraint | undefined;
  /** The run's lane in a router, for methods that take one. */
  readonly router: DraftLane | undefined;
  readonly tokenizer: Tokenizer;
  /** The model that is decoded with, for what goes with it; none in tests without one. */
  readonly model: LanguageModel | undefined;
  /** Finds what a method needs beside the model, such as trained weights; where there is nothing, nothing. */
  readonly findFolder: FindFolder;
  /** Longest prompt plus answer, and longest answer, in tokens. */
  readonly contextLength: number;
  readonly maxTokens: number;
  /** [length] Answer tokens by position, `vacant` where none is committed; only after `openCanvas`. */
  canvas: Int32Array | undefined;
  /** All answers, best first, of a method that writes several; the first is the one that was committed. */
  answers: readonly RankedAnswer[] | undefined;
  #whole = false;
  /** How the answer ends; a whole canvas is filled up after it. */
  #end: FinishReason | undefined;
  readonly #generated: number[] = [];
  readonly #sequences = new Set<Sequence>();
  readonly #stop: readonly string[];
  readonly #detokenizer: StreamDetokenizer;
  readonly #stopper: Stopper;
  #newTokens: CommittedToken[] = [];
  #newText = '';

  /** @throws QuickstepError as `checkPrompt`, with the model's vocabulary where there is a model. */
  constructor(options: RunOptions) {
    const { prompt, contextLength, maxTokens, eosIds, stop } = options;
    checkPrompt(prompt, contextLength, options.model?.config.vocabSize);
    this.request = options.request;
    this.prompt = prompt;
    this.cache = options.cache;
    this.sampler = options.sampler;
    this.eosIds = eosIds;
    this.masking = options.masking;
    this.draft = options.draft;
    this.constraint = options.constraint;
    this.router = options.router;
    this.model = options.model;
    this.findFolder = options.findFolder ?? (async () => undefined);
    this.contextLength = contextLength;
    this.maxTokens = maxTokens;
    this.#stop = stop;
    this.tokenizer = options.tokenizer;
    this.#detokenizer = new StreamDetokenizer(options.tokenizer, { continues: true });
    this.#stopper = createStopper({ eosIds, stop, maxTokens });
    this.sequence = this.cache.slots.createSequence();
    this.#sequences.add(this.sequence);
    this.finish = maxTokens === 0 ? 'length' : this.#fullContext();
  }

  /** Answer tokens so far. */
  get generated(): readonly number[] {
    return this.#generated;
  }

  /** How many more tokens the answer may get. */
  get remaining(): number {
    const answered = this.#generated.length;
    return Math.min(this.maxTokens - answered, this.contextLength - this.prompt.length - answered);
  }

  /** Prompt and answer tokens that are not cached yet; at least the last one. */
  pending(): number[] {
    const cached = this.sequence.nextPosition;
    const { prompt } = this;
    if (cached < prompt.length) return [...prompt.slice(cached), ...this.#generated];
    return this.#generated.slice(cached - prompt.length);
  }

  /** Prompt and answer as one list. */
  tokens(): number[] {
    return [...this.prompt, ...this.#generated];
  }

  /**
   * Chooses the next answer token from scored row `index` by the sampling options, and commits it.
   * @returns The token. `finish` is set when it ends the run.
   */
  commit(scores: Scores, index: number): number {
    const choice = this.pick(scores, index);
    this.push(choice);
    return choice.token;
  }

  /**
   * The choice `commit` would make, without committing it.
   * @param path Draft tokens between the answer so far and the row.
   */
  pick(scores: Scores, index: number, path: readonly number[] = []): Choice {
    const { sampler } = this;
    if (sampler.argmaxOnly) return { token: scores.topToken(index), logprob: scores.topLogProb(index) };
    return sampler.choose(scores.logits(index), this.context(path), this.sampleKey(path.length));
  }

  /** The random number that decides the answer token `ahead` positions behind the present end. */
  sampleKey(ahead = 0): RandomKey {
    const position = this.#generated.length + ahead;
    return { seed: this.sampler.options.seed, stream: randomStreams.sample, step: 0, position };
  }

  /**
   * The distribution that the sampling options make of a row of logits.
   * @param path Draft tokens between the answer so far and the row.
   */
  distribution(logits: Float32Array, path: readonly number[] = []): Distribution {
    return this.sampler.distribution(logits, this.context(path));
  }

  /** What logits processors get to see at the end of the answer so far and draft tokens behind it. */
  context(path: readonly number[] = []): LogitsContext {
    const generatedTokens = path.length > 0 ? [...this.#generated, ...path] : this.#generated;
    return { promptTokens: this.prompt, generatedTokens, step: generatedTokens.length };
  }

  /** Commits a token chosen by the method itself. */
  push({ token, logprob, top }: Choice): void {
    if (this.finish || this.canvas) throw new Error('token committed after the end of the run');
    this.#record(this.#generated.length, { token, logprob, top });
    this.finish = this.#append(token);
  }

  #record(position: number, { token, logprob, top }: Choice): void {
    this.#newTokens.push({ position, token, probability: Math.exp(logprob), top });
  }

  /** Makes a token the next of the answer and of its text; how the run ends with it. */
  #append(token: number): FinishReason | undefined {
    this.#generated.push(token);
    this.statistics.committed++;
    const { text, done } = this.#read(token, this.#detokenizer, this.#stopper);
    this.#newText += text;
    return done ?? this.#fullContext();
  }

  #read(token: number, detokenizer: StreamDetokenizer, stopper: Stopper): ReturnType<Stopper['push']> {
    const delta = this.eosIds.includes(token) ? '' : detokenizer.push(token);
    const { text, done } = stopper.push(token, delta);
    // An incomplete last character becomes U+FFFD, except behind a stop string.
    return { text: done === 'eos' || done === 'length' ? text + detokenizer.flush() : text, done };
  }

  /** The text of some tokens if they were the answer. */
  answerOf(tokens: readonly number[]): string {
    const detokenizer = new StreamDetokenizer(this.tokenizer, { continues: true });
    const stopper = createStopper({ eosIds: this.eosIds, stop: this.#stop, maxTokens: this.maxTokens });
    let text = '';
    for (const token of tokens) {
      const read = this.#read(token, detokenizer, stopper);
      text += read.text;
      if (read.done) return text;
    }
    return text + stopper.flush() + detokenizer.flush();
  }

  #fullContext(): FinishReason | undefined {
    if (this.prompt.length + this.#generated.length < this.contextLength) return undefined;
    this.#flushText();
    return 'context';
  }

  #flushText(): void {
    this.#newText += this.#stopper.flush() + this.#detokenizer.flush();
  }

  /**
   * Lays out an answer of `length` positions, which `place` commits in any order. The run ends when the beginning of
   * the answer is committed up to its end, such as an end token; a whole canvas only when every position is.
   */
  openCanvas(length: number, { whole = false } = {}): void {
    this.canvas = new Int32Array(length).fill(vacant);
    this.#whole = whole;
  }

  /** Commits a token of the canvas. Text comes out as far as the answer is committed without a gap. */
  place(position: number, choice: Choice): void {
    if (this.canvas?.[position] !== vacant) throw new Error(`position ${position} is not vacant`);
    this.canvas[position] = choice.token;
    this.#record(position, choice);
    this.#settle(this.canvas);
  }

  /** Gives up the positions from `length` on. What already belongs to the answer stays. */
  cropCanvas(length: number): void {
    if (!this.canvas) throw new Error('there is no canvas');
    this.canvas = this.canvas.subarray(0, Math.max(length, this.#generated.length));
    this.#settle(this.canvas);
  }

  #settle(canvas: Int32Array): void {
    for (let next = this.#generated.length; !this.#end && next < canvas.length; next++) {
      if (canvas[next] === vacant) break;
      this.#end = this.#append(canvas[next]);
    }
    if (!this.#end && this.#generated.length === canvas.length) {
      this.#flushText();
      this.#end = 'length';
    }
    if (!this.#whole || !canvas.includes(vacant)) this.finish = this.#end;
  }

  /** How the run would end if `tokens` were its answer so far; undefined when it would go on. Commits nothing. */
  finishOf(tokens: readonly number[]): FinishReason | undefined {
    if (this.eosIds.includes(tokens[tokens.length - 1])) return 'eos';
    if (this.#stop.length > 0) {
      const text = this.textOf(tokens);
      if (this.#stop.some((stop) => text.includes(stop))) return 'stop';
    }
    if (tokens.length >= this.maxTokens) return 'length';
    return this.prompt.length + tokens.length < this.contextLength ? undefined : 'context';
  }

  /** Text of tokens behind the prompt, as far as its characters are complete. */
  textOf(tokens: readonly number[]): string {
    const detokenizer = new StreamDetokenizer(this.tokenizer, { continues: true });
    return tokens.map((token) => detokenizer.push(token)).join('');
  }

  /** What was committed since the last call, for the step record. */
  takeNew(): { committed: CommittedToken[]; text: string } {
    const taken = { committed: this.#newTokens, text: this.#newText };
    this.#newTokens = [];
    this.#newText = '';
    return taken;
  }

  /**
   * Caches rows of a forward at the end of one of the run's sequences.
   * @param rows Rows of the whole forward in path order; see `KvCache.commit`.
   */
  keep(sequence: Sequence, newRows: NewRows, rows: readonly number[]): void {
    this.cache.commit(sequence, newRows, rows);
    this.statistics.kvWritten += rows.length;
  }

  /** Begins with the first `length` prompt tokens that a sequence of the same cache holds, before anything was read. */
  beginWith(sequence: Sequence, length: number): void {
    this.free(this.sequence);
    this.sequence = this.fork(sequence);
    this.cache.slots.crop(this.sequence, length);
    this.statistics.kvReused += length;
  }

  /** Begins with the first `length` prompt tokens that a sequence of another lane holds, copied, before anything was read. */
  takeOver({ cache, sequence, length }: CachedPrefix): void {
    this.cache.commit(this.sequence, rowsOf(cache), sequence.slots.slice(0, length));
    this.statistics.kvReused += length;
  }

  /** Another sequence that shares what `sequence` has cached. */
  fork(sequence: Sequence): Sequence {
    const copy = this.cache.slots.fork(sequence);
    this.#sequences.add(copy);
    return copy;
  }

  free(sequence: Sequence): void {
    if (this.#sequences.delete(sequence)) this.cache.slots.free(sequence);
  }

  /** Frees all sequences of the run, and its lanes in other models. Safe to call twice. */
  dispose(): void {
    this.draft?.close();
    this.router?.close();
    for (const sequence of this.#sequences) this.free(sequence);
  }
}
