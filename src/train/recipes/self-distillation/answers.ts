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
import type { Tokenizer } from '../../../text/tokenizer.ts';
import { cachedLines } from '../../line-cache.ts';
import type { RecipeOptions } from '../../recipe.ts';
import { requestAbout, requestOf, requestWith } from './prompts.ts';
import { StateStore } from './state-store.ts';

/** Batches have one of these in turn: what greedy decoding meets, and what sampling meets. */
const temperatures = [0, 0.3];
const maxTokens = 144;
/** Requests answered at once, and between two writes to the file. */
const atOnce = 32;
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

/** Words of a tokenizer that stand as one token behind a blank. */
function vocabularyOf(tokenizer: Tokenizer): string[] {
  const texts = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.decode([id]));
  return texts.filter((text) => /^ [A-Za-z][a-z]{3,}$/.test(text)).map((text) => text.trim());
}

/** Requests of one sort, and what their answers are called on disk. */
interface Requests {
  name: string;
  request(n: number): string;
  /** Of all answers. */
  share: number;
  /** One request about a text, an answer of this sort, for so many of these. */
  perPassage: number;
}

/**
 * Answers of a chat model to the requests of prompts.ts: to requests from word lists, to requests about words of the
 * vocabulary, and for both to some about another answer.
 */
export const chatAnswers: SelfSource = async (model, count, { onAnswers, ...options }) => {
  const { seed } = options;
  const prompt = (content: string) => promptTokens(model, [{ role: 'user', content }]);
  const vocabulary = vocabularyOf(model.tokenizer);
  const sorts: readonly Requests[] = [
    { name: '', request: (n) => requestOf(seed, n), share: 5 / 8, perPassage: 8 },
    { name: 'word-', request: (n) => requestWith(vocabulary, seed, n), share: 3 / 8, perPassage: 2 },
  ];
  const parts: Awaited<ReturnType<typeof answersOf>>[] = [];
  let known = 0;
  const add = async (name: string, wanted: number, promptOf: (n: number) => readonly number[]) => {
    const before = known;
    const onProgress = (done: number) => onAnswers?.(before + done, count);
    const part = await answersOf(model, name, wanted, promptOf, { ...options, onProgress });
    parts.push(part);
    known += wanted;
    return part.answers;
  };
  for (const { name, request, share, perPassage } of sorts) {
    const wanted = Math.round(share * count);
    const passages = Math.floor(wanted / (perPassage + 1));
    const answers = await add(`${name}answers`, wanted - passages, (n) => prompt(request(n)));
    const texts = answers.filter(({ tokens }) => tokens.length >= shortestPassage);
    await add(`${name}passage-answers`, Math.min(passages, texts.length), (n) => {
      const text = model.tokenizer.decode(texts[n].tokens).trim();
      return prompt(requestAbout(text, seed, n));
    });
  }
  const places = parts.flatMap((part) => [...part.answers.keys()].map((n) => ({ part, n })));
  return {
    answers: parts.flatMap(({ answers }) => answers),
    states: (at) => {
      const { part, n } = places[at];
      return part.store.read(n, stateRows(part.answers[n]).all);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { store } of parts) await store[Symbol.asyncDispose]();
    },
  };
};
