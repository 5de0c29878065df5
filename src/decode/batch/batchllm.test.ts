/** Batches: answers do not depend on the schedule, prefixes are read once, slots go with their last sharer. */

import { afterAll, describe, expect, it } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import { greedy } from '../baseline/greedy.ts';
import { generate } from '../generate.ts';
import type { Method } from '../method.ts';
import { loadStories } from '../testing/models.ts';
import {
  type BatchOptions,
  type BatchOutcome,
  type BatchProgress,
  type BatchRequest,
  decodeBatch,
} from './batchllm.ts';
import { prefixGroups } from './prefix-groups.ts';
import { prefixTree } from './prefix-tree.ts';

const model = await loadStories('w8a8');
afterAll(() => model[Symbol.asyncDispose]());

const documents = [
  'Tom had a big red ball. He took the ball to the park, where he saw a little dog. The dog ran to the ball.',
  'Lily saw a bird in the tree. The bird was sad. Lily gave the bird some bread and it was very happy again.',
  'Tom had a big red ball. He took the ball to the park, and then it began to rain. Tom ran home to his mom.',
];
const questions = [' Then', ' "Can I have it?" said', ' One day', ' He was', ' She saw'];
/** Given in an order that separates those that share. */
const batch: BatchRequest[] = questions.flatMap((question, q) =>
  documents.map((document, d) => ({
    prompt: document + question,
    options: {
      maxTokens: 3 + ((7 * (q + 3 * d)) % 17),
      ignoreEos: true,
      ...(q === 1 && { temperature: 0.8, seed: d }),
      ...(q === 2 && { method: 'prompt-lookup' }),
      ...(q === 3 && { method: 'beam-search', methodOptions: { beams: 2 } }),
    },
  })),
);
batch.push({ prompt: documents[0] + questions[0], options: { maxTokens: 0 } });

const alone = await Promise.all(
  batch.map(async ({ prompt, options }) => (await generate(model, prompt, options).result).text),
);

/** A method of which one phase fails. */
const failing = (phase: 'choose' | 'prepare'): Method => ({
  ...(greedy as Method),
  phases: () => ({
    [phase]: () => {
      throw new QuickstepError('bad-file', 'The heads are broken.');
    },
  }),
});

async function run(requests: readonly BatchRequest[], options: BatchOptions = {}) {
  const outcomes: BatchOutcome[] = [];
  let last: BatchProgress | undefined;
  const onProgress = (progress: BatchProgress) => {
    // What was stopped has to be done again.
    if (progress.statistics.preemptions === 0) expect(progress.done).toBeGreaterThanOrEqual(last?.done ?? 0);
    last = progress;
  };
  for await (const outcome of decodeBatch(model, requests, { ...options, onProgress }))
    outcomes.push(outcome);
  const texts: (string | undefined)[] = [];
  for (const outcome of outcomes)
    texts[outcome.index] = 'result' in outcome ? outcome.result.text : undefined;
  expect(outcomes).toHaveLength(requests.length);
  return { outcomes, texts, ...last! };
}

describe('decodeBatch', () => {
  const schedules: BatchOptions[] = [
    {},
    { sharing: 'recent', order: 'given', maxRunning: 4 },
    { sharing: 'recent', maxSlots: 150 },
    { sharing: 'none', budget: 3 },
    { maxSlots: 200, budget: 17 },
    { order: 'given', maxSlots: 96, budget: 500 },
  ];
  it.each(schedules)('answers as each prompt alone: %o', async (options) => {
    const { texts, done, total, finished, statistics } = await run(batch, options);
    expect(texts).toEqual(alone);
    expect([done, finished]).toEqual([total, batch.length]);
    const { maxSlots = 2048, maxRunning = Infinity } = options;
    // A draft may be accepted beyond what was to be expected.
    expect(statistics.peakSlots).toBeLessThanOrEqual(maxSlots + 16);
    expect(statistics.peakRunning).toBeLessThanOrEqual(maxRunning);
  });

  it('reads each prefix once, and holds fewer slots than sharing with what was read recently', async () => {
    const { statistics } = await run(batch);
    const prompts = batch.map(({ prompt }) => model.tokenizer.encode(prompt as string));
    expect(statistics.sharedTokens).toBe(prefixGroups(prefixTree(prompts)).saved);
    expect([statistics.repeatedTokens, statistics.preemptions]).toEqual([0, 0]);
    expect(statistics.promptTokens).toBe(prompts.flat().length);
    const recent = (await run(batch, { sharing: 'recent', order: 'given' })).statistics;
    expect(statistics.slotForwards).toBeLessThan(recent.slotForwards);
  });

  it('stops the newest where answers outgrow what was expected, and answers all the same', async () => {
    const wrong = batch.map((request) => ({ ...request, expected: 1 }));
    for (const sharing of ['groups', 'recent', 'none'] as const) {
      const { texts, statistics } = await run(wrong, { maxSlots: 110, sharing });
      expect(texts).toEqual(alone);
      expect(statistics.preemptions, sharing).toBeGreaterThan(0);
      expect(statistics.repeatedTokens, sharing).toBeGreaterThan(0);
    }
  });

  it('gives prompts that cannot be decoded an error, and the others their answers', async () => {
    const bad: BatchRequest[] = [
      { prompt: { tokens: [] } },
      { prompt: { tokens: [1, 99_999] } },
      { prompt: { tokens: Array.from({ length: 600 }, () => 5) } },
      { prompt: documents[0] + questions[0], options: { temperature: -1 } },
      { prompt: documents[0].repeat(3) },
      { prompt: [{ role: 'user', content: 'Hello' }] },
      { prompt: 'Once', options: { maxTokens: 90, ignoreEos: true } },
      { prompt: 'Lily saw', options: { method: failing('choose') } },
      { prompt: 'Lily had', options: { method: failing('prepare') } },
    ];
    const { outcomes } = await run([...bad, ...batch], { maxSlots: 80 });
    const errors = outcomes.flatMap((outcome) =>
      'error' in outcome ? [[outcome.index, outcome.error.code]] : [],
    );
    expect(Object.fromEntries(errors)).toEqual({
      0: 'bad-input',
      1: 'bad-input',
      2: 'bad-input',
      3: 'bad-option',
      4: 'out-of-memory',
      5: 'unsupported',
      6: 'out-of-memory',
      7: 'bad-file',
      8: 'bad-file',
    });
    const texts = outcomes.flatMap((outcome) =>
      'result' in outcome ? [[outcome.index - bad.length, outcome.result.text]] : [],
    );
    expect(Object.fromEntries(texts)).toEqual({ ...alone });
  });

  it('stops at an abort, and where the consumer stops', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let seen = 0;
    const all = decodeBatch(model, batch, { signal: controller.signal });
    await expect(
      (async () => {
        for await (const _ of all) if (++seen === 4) controller.abort(reason);
      })(),
    ).rejects.toBe(reason);
    expect(seen).toBeLessThan(batch.length);
    // The schedule checks that no slot is left in use.
    for await (const _ of decodeBatch(model, batch)) break;
  });

  it('refuses unknown options and takes an empty batch', async () => {
    expect((await run([])).outcomes).toEqual([]);
    const wrong = { budgets: 3 } as BatchOptions;
    await expect(run(batch, wrong)).rejects.toMatchObject({ code: 'bad-option' });
  });
});
