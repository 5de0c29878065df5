/**
 * llama.cpp through node-llama-cpp: `evaluate` for decoding, concurrent `evaluate`s of one context for batches, and
 * `controlledEvaluate` for rows, which takes the most likely next token of every row from one batch. Flash attention
 * is at its default, 'auto'.
 *
 * The package is installed in bench/ only, so what is used of it is declared here.
 */

import {
  type Answer,
  type AnswerQuestion,
  type BatchQuestion,
  digestOf,
  type Engine,
  type EngineOptions,
  type GenerateQuestion,
  promptTokens,
  type RowsQuestion,
  TokenClock,
  timeRows,
} from './engine.ts';

type ScoredToken = [token: number, options: { generateNext: { token: true; options: { temperature: 0 } } }];

interface LlamaSequence {
  readonly contextTokens: readonly number[];
  clearHistory(): Promise<void>;
  eraseContextTokenRanges(ranges: { start: number; end: number }[]): Promise<void>;
  evaluate(
    tokens: number[],
    options: { temperature: 0; yieldEogToken: true },
  ): AsyncGenerator<number, void, undefined>;
  evaluateWithoutGeneratingNewTokens(tokens: number[]): Promise<void>;
  controlledEvaluate(input: ScoredToken[]): Promise<unknown[]>;
}

/** Opaque here: made by the package, handed back to it. */
type TokenPredictor = object;

interface LlamaContext {
  getSequence(options?: { tokenPredictor?: TokenPredictor }): LlamaSequence;
  dispose(): Promise<void>;
}

interface LlamaModel {
  isEogToken(token: number): boolean;
  createContext(options: {
    contextSize: number;
    sequences?: number;
    batchSize: number;
    threads: number;
  }): Promise<LlamaContext>;
}

interface NodeLlamaCpp {
  getLlama(options: { gpu: false; build: 'never'; maxThreads: number; logLevel: 'error' }): Promise<{
    loadModel(options: { modelPath: string }): Promise<LlamaModel>;
  }>;
  InputLookupTokenPredictor: new () => TokenPredictor;
}

/** Rows llama.cpp computes at once, as Quickstep reads prompts. */
const batchSize = 512;

export async function createLlamaCpp({ path, threads, contextLength }: EngineOptions): Promise<Engine> {
  const name: string = 'node-llama-cpp';
  const { getLlama, InputLookupTokenPredictor } = (await import(name)) as NodeLlamaCpp;
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: contextLength, batchSize, threads });
  const looking = async () => {
    const context = await model.createContext({ contextSize: contextLength, batchSize, threads });
    return context.getSequence({ tokenPredictor: new InputLookupTokenPredictor() });
  };
  return new LlamaCpp(model, context.getSequence(), threads, looking);
}

class LlamaCpp implements Engine {
  readonly #model: LlamaModel;
  readonly #sequence: LlamaSequence;
  readonly #threads: number;

  readonly #looking: () => Promise<LlamaSequence>;
  #lookup: LlamaSequence | undefined;

  constructor(
    model: LlamaModel,
    sequence: LlamaSequence,
    threads: number,
    looking: () => Promise<LlamaSequence>,
  ) {
    this.#looking = looking;
    this.#model = model;
    this.#sequence = sequence;
    this.#threads = threads;
  }

  async generate({ prompt, tokens }: GenerateQuestion): Promise<Answer> {
    const input = promptTokens(prompt);
    await this.#sequence.clearHistory();
    const clock = new TokenClock();
    let left = tokens;
    for await (const _ of this.#sequence.evaluate(input, { temperature: 0, yieldEogToken: true })) {
      clock.tick();
      if (--left === 0) break;
    }
    return clock.answer(tokens);
  }

  /** `drafts` is `lookup`, the package's own predictor with its defaults, or nothing. */
  async answer({ prompt, maxTokens, drafts }: AnswerQuestion): Promise<Answer> {
    if (drafts) this.#lookup ??= await this.#looking();
    const sequence = drafts ? this.#lookup! : this.#sequence;
    await sequence.clearHistory();
    const started = performance.now();
    const tokens: number[] = [];
    let first = 0;
    const run = sequence.evaluate([...prompt], { temperature: 0, yieldEogToken: true });
    for await (const token of run) {
      tokens.push(token);
      first ||= performance.now() - started;
      if (tokens.length === maxTokens || this.#model.isEogToken(token)) break;
    }
    const seconds = (performance.now() - started) / 1000;
    return { seconds, first: first / 1000, tokens: tokens.length, digest: digestOf(tokens) };
  }

  /** A context of its own, just large enough, as an application with so many requests would make. */
  async batch({ sequences, prompt, tokens }: BatchQuestion): Promise<Answer> {
    const contextSize = Math.max(256, prompt + tokens);
    const context = await this.#model.createContext({
      contextSize,
      sequences,
      batchSize,
      threads: this.#threads,
    });
    try {
      const all = Array.from({ length: sequences }, () => context.getSequence());
      // Prompts are read one after the other, so that no answer is ahead when the clock starts.
      const runs: AsyncGenerator<number, void, undefined>[] = [];
      for (const [i, sequence] of all.entries()) {
        const run = sequence.evaluate(promptTokens(prompt, i), { temperature: 0, yieldEogToken: true });
        await run.next();
        runs.push(run);
      }
      const started = performance.now();
      const decode = async (run: AsyncGenerator<number, void, undefined>) => {
        for (let i = 1; i < tokens; i++) await run.next();
      };
      await Promise.all(runs.map(decode));
      const rate = (1000 * sequences * (tokens - 1)) / (performance.now() - started);
      for (const run of runs) await run.return();
      return { rate };
    } finally {
      await context.dispose();
    }
  }

  async rows(question: RowsQuestion): Promise<Answer> {
    const { context } = question;
    const sequence = this.#sequence;
    await sequence.clearHistory();
    await sequence.evaluateWithoutGeneratingNewTokens(promptTokens(context));
    return timeRows(question, async (tokens) => {
      const end = sequence.contextTokens.length;
      if (end > context) await sequence.eraseContextTokenRanges([{ start: context, end }]);
      await sequence.controlledEvaluate(tokens.map(scored));
    });
  }
}

/** Asks for the most likely token after this one. */
const scored = (token: number): ScoredToken => [
  token,
  { generateNext: { token: true, options: { temperature: 0 } } },
];
