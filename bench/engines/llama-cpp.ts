/**
 * llama.cpp through node-llama-cpp: `evaluate` for decoding, concurrent `evaluate`s of one context for batches, and
 * `controlledEvaluate` for rows, which takes the most likely next token of every row from one batch. Flash attention
 * is at its default, 'auto'.
 *
 * The package is installed in bench/ only, so what is used of it is declared here.
 */

import {
  type Answer,
  type BatchQuestion,
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

interface LlamaContext {
  getSequence(): LlamaSequence;
  dispose(): Promise<void>;
}

interface LlamaModel {
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
}

/** Rows llama.cpp computes at once, as Quickstep reads prompts. */
const batchSize = 512;

export async function createLlamaCpp({ path, threads, contextLength }: EngineOptions): Promise<Engine> {
  const name: string = 'node-llama-cpp';
  const { getLlama } = (await import(name)) as NodeLlamaCpp;
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: contextLength, batchSize, threads });
  return new LlamaCpp(model, context.getSequence(), threads);
}

class LlamaCpp implements Engine {
  readonly #model: LlamaModel;
  readonly #sequence: LlamaSequence;
  readonly #threads: number;

  constructor(model: LlamaModel, sequence: LlamaSequence, threads: number) {
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
