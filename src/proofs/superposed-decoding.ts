/**
 * Superposed Decoding (2024): three drafts for the price of one, no less coherent than nucleus samples. Prompts and n-grams
 * are of Shakespeare: n-grams of nine tenths of the text, prompts of 15 tokens from the rest, ten tokens written, as the
 * paper's settings have it. Time is wall time, all ways of writing in turn on each prompt.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GenerateOptions, generateBatch } from '../decode/generate.ts';
import { uniform } from '../decode/random.ts';
import { logSoftmaxAt } from '../decode/sampling/softmax.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { buildNgrams } from '../ngrams/index.ts';
import type { Condition, Decoding, Figures, Findings, Proof, ProofContext } from './proof.ts';

const texts = fileURLToPath(new URL('../../texts/tinyshakespeare', import.meta.url));
const drafts = 3;
const promptTokens = 15;
const answerTokens = 10;
/** Three drafts may take this many times the time of one sample. */
const mostTime = 1.4;
/** Of the random numbers that choose prompts. */
const promptStream = 350;

const decoding: Decoding = { label: 'three drafts', method: 'superposed-decoding' };

/** A prompt, and how the text goes on. */
interface Passage {
  prompt: readonly number[];
  next: readonly number[];
}

/** Passages of the held-out text: its second half to prove on, its first half to choose settings by. */
async function passages({ model, seed, samples, split }: ProofContext): Promise<Passage[]> {
  const text = await readFile(join(texts, 'held-out.txt'), 'utf8');
  const half = text.length / 2;
  const part = split === 'train' ? text.slice(0, half) : text.slice(half);
  const ids = model.tokenizer.encode(part, { addSpecialTokens: false });
  return Array.from({ length: samples }, (_, position) => {
    const place = uniform({ seed, stream: promptStream, step: 0, position });
    const start = Math.floor(place * (ids.length - promptTokens - answerTokens));
    const end = start + promptTokens;
    return { prompt: ids.slice(start, end), next: ids.slice(end, end + answerTokens) };
  });
}

/** What one way of writing has made of a prompt. */
interface Written {
  answers: readonly (readonly number[])[];
  rows: number;
  seconds: number;
}

/** A way of writing, by a name for tables. */
interface Way {
  label: string;
  write(model: LanguageModel, prompt: readonly number[], seed: number): Promise<Written>;
}

async function run(
  model: LanguageModel,
  prompt: readonly number[],
  count: number,
  options: GenerateOptions,
): Promise<Written> {
  const prompts = Array.from({ length: count }, () => ({ tokens: prompt }));
  const started = performance.now();
  const limits = { maxTokens: answerTokens, ignoreEos: true };
  const results = await generateBatch(model, prompts, { ...limits, ...options }).result;
  const seconds = (performance.now() - started) / 1000;
  const answers = results.flatMap(({ tokens, answers }) => answers?.map((one) => one.tokens) ?? [tokens]);
  return { answers, rows: results.reduce((sum, { statistics }) => sum + statistics.rows, 0), seconds };
}

const nucleus = (seed: number): GenerateOptions => ({ temperature: 1, topP: 0.9, seed });

/** Samples of different seeds, one after the other. */
async function samplesOf(model: LanguageModel, prompt: readonly number[], seed: number): Promise<Written> {
  const all: Written[] = [];
  for (let i = 0; i < drafts; i++) all.push(await run(model, prompt, 1, nucleus(drafts * seed + i)));
  return {
    answers: all.flatMap(({ answers }) => answers),
    rows: all.reduce((sum, { rows }) => sum + rows, 0),
    seconds: all.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

function superposed(label: string, ngrams?: string): Way {
  const methodOptions = { drafts, ngrams };
  const method = 'superposed-decoding';
  return { label, write: (model, prompt) => run(model, prompt, 1, { method, methodOptions }) };
}

const waysOf = (ngrams: string): Way[] => [
  superposed(decoding.label, ngrams),
  superposed('three drafts without n-grams'),
  { label: 'three samples, one after the other', write: samplesOf },
  { label: 'three rows at once', write: (model, prompt) => run(model, prompt, drafts, nucleus(0)) },
  { label: 'one sample', write: (model, prompt, seed) => run(model, prompt, 1, nucleus(seed)) },
  { label: 'greedy', write: (model, prompt) => run(model, prompt, 1, {}) },
];

/** Nats a token of each answer behind a prompt, under the model itself. */
async function surprise(
  model: LanguageModel,
  prompt: readonly number[],
  answers: readonly (readonly number[])[],
): Promise<number[]> {
  const cache = model.newCache();
  const groups = answers.map((answer) => ({
    sequence: cache.slots.createSequence(),
    tokens: [...prompt, ...answer.slice(0, -1)],
    scored: answer.map((_, i) => prompt.length - 1 + i),
  }));
  const { scores } = await model.forward(cache, groups, { logits: true, newRows: false });
  return answers.map(
    (answer, g) =>
      -answer.reduce((sum, token, i) => sum + logSoftmaxAt(scores[g].logits(i), token), 0) / answer.length,
  );
}

/** All that one way has written. */
class Tally {
  readonly label: string;
  seconds = 0;
  rows = 0;
  #prompts = 0;
  /** Sums over prompts: mean and least nats a token, answers that are different, first tokens, what goes on as the text does. */
  #mean = 0;
  #least = 0;
  #different = 0;
  #openings = 0;
  #covered = 0;

  constructor(label: string) {
    this.label = label;
  }

  add({ answers, rows, seconds }: Written, nats: readonly number[], next: readonly number[]): void {
    this.seconds += seconds;
    this.rows += rows;
    this.#prompts++;
    this.#mean += nats.reduce((sum, one) => sum + one, 0) / nats.length;
    this.#least += Math.min(...nats);
    this.#different += new Set(answers.map((answer) => answer.join())).size / answers.length;
    this.#openings += new Set(answers.map(([first]) => first)).size;
    this.#covered += answers.some(([first]) => first === next[0]) ? 1 : 0;
  }

  get perplexity(): number {
    return Math.exp(this.#mean / this.#prompts);
  }

  get bestPerplexity(): number {
    return Math.exp(this.#least / this.#prompts);
  }

  get different(): number {
    return this.#different / this.#prompts;
  }

  get openings(): number {
    return this.#openings / this.#prompts;
  }

  get covered(): number {
    return this.#covered / this.#prompts;
  }

  get milliseconds(): number {
    return (1000 * this.seconds) / this.#prompts;
  }
}

async function measured(context: ProofContext, ngrams: string): Promise<Map<string, Tally>> {
  const { model, seed, signal, onProgress } = context;
  const ways = waysOf(ngrams);
  const tallies = new Map(ways.map(({ label }) => [label, new Tally(label)]));
  const all = await passages(context);
  // First runs also pay for memory and kernels.
  for (const way of ways) await way.write(model, all[0].prompt, seed);
  for (const [i, { prompt, next }] of all.entries()) {
    signal?.throwIfAborted();
    onProgress?.(i, all.length, '');
    for (let turn = 0; turn < ways.length; turn++) {
      // Who begins changes from prompt to prompt.
      const { label, write } = ways[(turn + i) % ways.length];
      const written = await write(model, prompt, seed + i);
      tallies.get(label)!.add(written, await surprise(model, prompt, written.answers), next);
    }
  }
  onProgress?.(all.length, all.length, '');
  return tallies;
}

function conditionsOf(ours: Tally, samples: Tally, one: Tally): Condition[] {
  return [
    {
      text: 'time of three drafts, in times that of one sample',
      unit: 'times',
      value: ours.seconds / one.seconds,
      bar: mostTime,
      holds: ours.seconds / one.seconds < mostTime,
    },
    {
      text: 'rows run for three drafts, in times those of one sample',
      unit: 'times',
      value: ours.rows / one.rows,
      bar: 1,
      holds: ours.rows === one.rows,
    },
    {
      text: 'mean perplexity of the drafts under the model, against that of nucleus samples',
      unit: 'perplexity',
      value: ours.perplexity,
      bar: samples.perplexity,
      holds: ours.perplexity <= samples.perplexity,
    },
    {
      text: 'share of drafts that are different from each other',
      unit: 'times',
      value: ours.different,
      bar: 1,
      holds: ours.different === 1,
    },
  ];
}

function figuresOf(tallies: readonly Tally[]): Figures[] {
  return [
    {
      title: 'Perplexity under the model, and time for each prompt',
      head: ['', 'mean', 'best of the answers', 'ms', 'rows'],
      rows: tallies.map((tally) => [
        tally.label,
        tally.perplexity,
        tally.bestPerplexity,
        tally.milliseconds.toFixed(0),
        tally.rows,
      ]),
    },
    {
      title: 'How much the answers to a prompt cover',
      head: ['', 'different answers', 'first tokens', 'one begins as the text goes on'],
      rows: tallies.map(({ label, different, openings, covered }) => [
        label,
        `${(100 * different).toFixed(0)}%`,
        openings.toFixed(2),
        `${(100 * covered).toFixed(0)}%`,
      ]),
    },
  ];
}

export const superposedDecoding: Proof = {
  slug: 'superposed-decoding',
  claim:
    'Three drafts in under 1.4 times the time of one nucleus sample, and no less coherent: their perplexity under the model is not above that of nucleus samples.',
  threshold: drafts / mostTime,
  gain: 'times faster than three nucleus samples, one after the other',
  model: 'smollm2',
  tasks: [],
  decoding,
  settings: 'three drafts of ten tokens behind 15; n-grams of the other nine tenths of Tiny Shakespeare',
  async run(context): Promise<Findings> {
    const folder = await mkdtemp(join(tmpdir(), 'quickstep-ngrams-'));
    try {
      const ngrams = join(folder, 'shakespeare.bin');
      const text = await readFile(join(texts, 'train.txt'), 'utf8');
      await buildNgrams(ngrams, context.model.tokenizer, [text], { order: 6, signal: context.signal });
      const tallies = await measured(context, ngrams);
      const [ours, , samples, , one] = [...tallies.values()];
      return {
        measured: ours.milliseconds,
        baseline: samples.milliseconds,
        conditions: conditionsOf(ours, samples, one),
        controls: [],
        figures: figuresOf([...tallies.values()]),
        measurements: [],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
