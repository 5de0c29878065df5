/** Quickstep through `generate`, `generateBatch` and `LanguageModel.forward`. */

import type { KvCache, Sequence } from '../../src/cache/index.ts';
import { generate, generateBatch } from '../../src/decode/generate.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import type { Precision } from '../../src/models/linear.ts';
import { load } from '../../src/models/load.ts';
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

  /** `drafts` is a method with its options: `medusa {"nodes":16}`. */
  async answer({ prompt, maxTokens, drafts = 'greedy' }: AnswerQuestion): Promise<Answer> {
    const [method, options = '{}'] = drafts.split(/ (.*)/);
    const run = generate(
      this.#model,
      { tokens: prompt },
      { method, methodOptions: JSON.parse(options), maxTokens },
    );
    const levels: Answer = {};
    const count = (name: string, level: number) => {
      levels[`${name}.${level}`] = (levels[`${name}.${level}`] ?? 0) + 1;
    };
    for await (const { proposed } of run) {
      const level: number[] = [];
      for (const { parent } of proposed) level.push(parent < 0 ? 1 : level[parent] + 1);
      for (let depth = 1; depth <= Math.max(0, ...level); depth++) {
        const isAccepted = proposed.some(({ accepted }, node) => accepted && level[node] === depth);
        count('drafted', depth);
        if (isAccepted) count('accepted', depth);
        // What stands behind a wrong token says nothing.
        else break;
      }
    }
    const { tokens, seconds, firstTokenSeconds, forwards } = await run.result;
    return {
      ...{ seconds, first: firstTokenSeconds, tokens: tokens.length, digest: digestOf(tokens) },
      forwards,
      ...levels,
    };
  }

  /** A sequence that holds the tokens. */
  async #read(cache: KvCache, tokens: readonly number[]): Promise<Sequence> {
    const sequence = cache.slots.createSequence();
    const { newRows } = await this.#model.forward(cache, [{ sequence, tokens, scored: [] }]);
    cache.commit(sequence, newRows, [...tokens.keys()]);
    return sequence;
  }
}
