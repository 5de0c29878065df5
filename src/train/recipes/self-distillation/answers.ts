/**
 * Self-distillation data (Medusa, arXiv:2401.10774, section 2.3.2): a chat model's own answers, with the hidden states it
 * had while it wrote them. It answers requests, then further requests about some of those answers, so that long prompts
 * are among them too.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sample } from '../../../decode/baseline/sample.ts';
import { generateBatch, promptTokens } from '../../../decode/generate.ts';
import type { Method } from '../../../decode/method.ts';
import { emptyDraft } from '../../../decode/phases.ts';
import { speculate } from '../../../decode/speculative/drafter.ts';
import { unitRows } from '../../../models/draft-heads/rows.ts';
import type { LanguageModel } from '../../../models/language-model.ts';
import { cachedLines } from '../../line-cache.ts';
import type { RecipeOptions } from '../../recipe.ts';
import { requestAbout, requestOf } from './prompts.ts';
import { StateStore } from './state-store.ts';

/** Batches have one of these in turn: what greedy decoding meets, and what sampling meets. */
const temperatures = [0, 0.3];
const maxTokens = 144;
/** Requests answered at once, and between two writes to the file. */
const atOnce = 32;
/** One request about a text for so many plain ones. */
const plainPerPassage = 8;
/** An answer must have so many tokens to be a text that is asked about. */
const shortestPassage = 64;
/** Rows of the prompt's end whose states are kept. */
export const promptRows = 64;
/** Most rows of a passage. */
export const passageRows = promptRows + maxTokens;

const answerSchema = z.object({
  prompt: z.array(z.int().min(0)).min(1),
  tokens: z.array(z.int().min(0)).min(1),
});

/** Token ids of a prompt, in the model's chat template, and of the model's answer to it. */
export type SelfAnswer = z.output<typeof answerSchema>;

/**
 * Rows whose states are kept, in order: those of the prompt's last tokens, then those of the answer but its last, which
 * the model did not read.
 */
export function stateRows({ prompt, tokens }: SelfAnswer): { ofPrompt: number; all: number } {
  const ofPrompt = Math.min(promptRows, prompt.length);
  return { ofPrompt, all: ofPrompt + tokens.length - 1 };
}

/** Writes what the model writes by itself and hands the states on, request by request in the order of the text. */
const watched = (keep: (request: number, states: Float32Array) => void): Method => ({
  ...sample,
  slug: 'watched',
  sampling: 'any',
  phases: () =>
    speculate({
      draft: () => emptyDraft,
      read: ({ request }, states) => keep(request, states),
    }),
});

const joined = (parts: readonly Float32Array[]): Float32Array => {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
};

/** The model's answers to prompts, whose states go into the store from `slot` on; `batch` chooses temperature and seed. */
async function answersTo(
  model: LanguageModel,
  prompts: readonly { tokens: readonly number[] }[],
  store: StateStore,
  { slot, batch, seed, signal }: { slot: number; batch: number; seed: number; signal?: AbortSignal },
): Promise<SelfAnswer[]> {
  const { hiddenSize } = model.config;
  const states: Float32Array[][] = prompts.map(() => []);
  const method = watched((request, rows) => states[request].push(unitRows(rows, hiddenSize)));
  const temperature = temperatures[batch % temperatures.length];
  const options = { method, temperature, seed: seed + batch, maxTokens, signal };
  const results = await generateBatch(model, prompts, options).result;
  const answers = results.map(({ tokens }, n) => ({ prompt: [...prompts[n].tokens], tokens }));
  for (const [n, answer] of answers.entries()) {
    const rows = joined(states[n]);
    await store.write(slot + n, rows.subarray(rows.length - stateRows(answer).all * hiddenSize));
  }
  return answers;
}

export interface SelfDistillation extends AsyncDisposable {
  answers: readonly SelfAnswer[];
  /**
   * States of answer n [rows, hidden] in 16 bits; rows as `stateRows` says, each with a root mean square of 1, in the
   * program's basis.
   */
  states(n: number): Promise<Uint16Array>;
}

type DistillationOptions = Pick<RecipeOptions, 'seed' | 'folder' | 'signal' | 'onAnswers'>;

/** Answers of one kind, with their states; another number of them wanted does not change those that are there. */
async function answersOf(
  model: LanguageModel,
  name: string,
  count: number,
  promptOf: (n: number) => readonly number[],
  { seed, folder, signal, onProgress }: DistillationOptions & { onProgress(done: number): void },
): Promise<{ answers: SelfAnswer[]; store: StateStore }> {
  const shape = { rows: passageRows, hiddenSize: model.config.hiddenSize };
  const path = folder && join(folder, `${name}.jsonl`);
  const store = await StateStore.open(shape, folder && join(folder, `${name}-states.f16`));
  // Answers whose states are gone are of no use.
  if (path && (await store.isEmpty())) await rm(path, { force: true });
  const answers = await cachedLines({
    path,
    identity: { model: model.id, precision: model.precision, seed },
    count,
    batch: atOnce,
    schema: answerSchema,
    make: (first, end) => {
      const prompts = Array.from({ length: end - first }, (_, i) => ({ tokens: promptOf(first + i) }));
      const batch = Math.floor(first / atOnce);
      return answersTo(model, prompts, store, { slot: first, batch, seed, signal });
    },
    onProgress,
  });
  return { answers, store };
}

/**
 * Makes `count` answers of a model, or reads them from the run's folder as far as they are there.
 * @throws QuickstepError as `generate`; the signal's reason when aborted.
 */
export type SelfSource = (
  model: LanguageModel,
  count: number,
  options: DistillationOptions,
) => Promise<SelfDistillation>;

/** Answers to prompts that are given. */
export const promptedAnswers =
  (promptOf: (n: number) => readonly number[]): SelfSource =>
  async (model, count, { onAnswers, ...options }) => {
    const onProgress = (done: number) => onAnswers?.(done, count);
    const { answers, store } = await answersOf(model, 'answers', count, promptOf, { ...options, onProgress });
    return {
      answers,
      states: (n) => store.read(n, stateRows(answers[n]).all),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  };

/** Answers of a chat model to the requests of prompts.ts, one of nine to a request about another answer. */
export const chatAnswers: SelfSource = async (model, count, { onAnswers, ...options }) => {
  const { seed } = options;
  const prompt = (content: string) => promptTokens(model, [{ role: 'user', content }]);
  const passages = Math.floor(count / (plainPerPassage + 1));
  const plain = count - passages;
  const told = (before: number) => (done: number) => onAnswers?.(before + done, count);
  const first = await answersOf(model, 'answers', plain, (n) => prompt(requestOf(seed, n)), {
    ...options,
    onProgress: told(0),
  });
  const texts = first.answers.filter(({ tokens }) => tokens.length >= shortestPassage);
  const about = (n: number) => {
    const text = model.tokenizer.decode(texts[n].tokens).trim();
    return prompt(requestAbout(text, seed, n));
  };
  const more = await answersOf(model, 'passage-answers', Math.min(passages, texts.length), about, {
    ...options,
    onProgress: told(plain),
  });
  const stores = [first.store, more.store];
  const known = first.answers.length;
  return {
    answers: [...first.answers, ...more.answers],
    states: (n) => {
      const isPlain = n < known;
      const answer = isPlain ? first.answers[n] : more.answers[n - known];
      return stores[isPlain ? 0 : 1].read(isPlain ? n : n - known, stateRows(answer).all);
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of stores) await store[Symbol.asyncDispose]();
    },
  };
};
