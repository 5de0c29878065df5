/**
 * Batches as the proof of BatchLLM asks them: solved problems of a task as documents, and a new problem behind them.
 * Prompts of a document are asked far apart, as requests of many users come.
 */

import type { BatchRequest } from '../decode/batch/batchllm.ts';
import { json } from '../tasks/json.ts';
import { TaskRandom } from '../tasks/random.ts';
import { sorting } from '../tasks/sorting.ts';
import type { Task } from '../tasks/task.ts';
import { wordProblems } from '../tasks/word-problems.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

export interface Workload {
  readonly label: string;
  readonly requests: readonly (BatchRequest & { prompt: { tokens: number[] } })[];
}

/** Keeps these streams apart from those of the tasks. */
const stream = 0xba7c;
const sources: readonly Task[] = [wordProblems, json, sorting];

class Author {
  readonly #random: TaskRandom;
  readonly #tokenizer: Tokenizer;
  #texts = 0;

  constructor(tokenizer: Tokenizer, seed: number, workload: number) {
    this.#tokenizer = tokenizer;
    this.#random = new TaskRandom(seed, stream + workload);
    this.#random.reset(0, 0);
  }

  between(least: number, most: number): number {
    return least + this.#random.below(most - least + 1);
  }

  /** So many tokens of solved problems; no two texts begin alike. */
  document(tokens: number): number[] {
    const task = sources[this.#texts++ % sources.length];
    let text = `${this.#texts}. `;
    for (;;) {
      const { prompt, answer } = task.generate(this.#random, 1);
      text += `${prompt}${answer}\n`;
      const ids = this.#tokenizer.encode(text);
      if (ids.length >= tokens) return ids.slice(0, tokens);
    }
  }

  question(): number[] {
    const { prompt } = sources[this.between(0, sources.length - 1)].generate(this.#random, 1);
    return [...this.#tokenizer.encode(prompt, { addSpecialTokens: false })].slice(-20);
  }

  shuffled<T>(items: readonly T[]): T[] {
    const all = [...items];
    for (let i = all.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1);
      [all[i], all[j]] = [all[j], all[i]];
    }
    return all;
  }
}

const ask = (prompt: number[], maxTokens: number) => ({
  prompt: { tokens: prompt },
  options: { maxTokens, ignoreEos: true },
});

/** Three batches of `prompts`, half and half as many prompts, for a context of 512 tokens. */
export function workloads(tokenizer: Tokenizer, seed: number, prompts: number): Workload[] {
  const many = [...Array(prompts).keys()];
  const half = many.slice(0, Math.ceil(prompts / 2));
  const a = new Author(tokenizer, seed, 0);
  const documents = many.filter((i) => i % 16 === 0).map(() => a.document(a.between(250, 400)));
  const b = new Author(tokenizer, seed, 1);
  const systems = half.filter((i) => i % 64 === 0).map(() => b.document(b.between(60, 120)));
  const inner = half
    .filter((i) => i % 8 === 0)
    .map((_, i) => [...systems[Math.floor(i / 8)], ...b.document(b.between(150, 250))]);
  const c = new Author(tokenizer, seed, 2);
  const short = half.filter((i) => i % 8 === 0).map(() => c.document(c.between(150, 300)));
  return [
    {
      label: 'documents',
      requests: a.shuffled(many.map((i) => ask([...documents[i >> 4], ...a.question()], 20))),
    },
    {
      label: 'two levels',
      requests: b.shuffled(half.map((i) => ask([...inner[i >> 3], ...b.question()], 20))),
    },
    {
      label: 'mixed lengths',
      requests: c.shuffled(half.map((i) => ask([...short[i >> 3], ...c.question()], 2 ** c.between(2, 7)))),
    },
  ];
}
