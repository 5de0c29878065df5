/** Quickstep through `generate`, `generateBatch` and `LanguageModel.forward`. */

import type { KvCache, Sequence } from '../../src/cache/index.ts';
import { generate, generateBatch } from '../../src/decode/generate.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import type { Precision } from '../../src/models/linear.ts';
import { load } from '../../src/models/load.ts';
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

export async function createQuickstep(
  precision: Precision,
  { path, threads }: EngineOptions,
): Promise<Engine> {
  return new Quickstep(await load(path, { precision, threads }));
}

class Quickstep implements Engine {
  readonly #model: LanguageModel;

  constructor(model: LanguageModel) {
    this.#model = model;
  }

  async generate({ prompt, tokens }: GenerateQuestion): Promise<Answer> {
    const clock = new TokenClock();
    const run = generate(
      this.#model,
      { tokens: promptTokens(prompt) },
      { maxTokens: tokens, ignoreEos: true },
    );
    for await (const step of run) for (const _ of step.committed) clock.tick();
    return clock.answer(tokens);
  }

  async batch({ sequences, prompt, tokens }: BatchQuestion): Promise<Answer> {
    const prompts = Array.from({ length: sequences }, (_, i) => ({ tokens: promptTokens(prompt, i) }));
    const started = new Set<number>();
    let from = 0;
    let count = 0;
    for await (const step of generateBatch(this.#model, prompts, { maxTokens: tokens, ignoreEos: true })) {
      if (started.size === sequences) count += step.committed.length;
      else if (step.committed.length > 0) started.add(step.request);
      if (from === 0 && started.size === sequences) from = performance.now();
    }
    return { rate: (1000 * count) / (performance.now() - from) };
  }

  async rows(question: RowsQuestion): Promise<Answer> {
    const cache = this.#model.newCache();
    const sequence = await this.#read(cache, promptTokens(question.context));
    return timeRows(question, (tokens) =>
      this.#model.forward(cache, [{ sequence, tokens, scored: [...tokens.keys()] }]),
    );
  }

  /** A sequence that holds the tokens. */
  async #read(cache: KvCache, tokens: readonly number[]): Promise<Sequence> {
    const sequence = cache.slots.createSequence();
    const { newRows } = await this.#model.forward(cache, [{ sequence, tokens, scored: [] }]);
    cache.commit(sequence, newRows, [...tokens.keys()]);
    return sequence;
  }
}
