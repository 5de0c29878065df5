/** Rows that are fed a mixture of token embeddings: what they equal, bit for bit where that can be, and what is refused. */

import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../test/golden/models/golden.ts';
import type { Mixture } from './forward.ts';
import type { LanguageModel } from './language-model.ts';
import { precisions } from './linear.ts';
import { loadProgram, loadTiny, maxDifference } from './testing/tiny.ts';

const stories = fileURLToPath(new URL('../../models/stories260k', import.meta.url));
const text = [1, 403, 407, 261, 378, 432];

type Input = number | Mixture;

/** Logits of the last row of a text that `rows` stand behind. */
async function lastLogits(model: LanguageModel, rows: readonly Input[]): Promise<Float32Array> {
  const cache = model.newCache();
  const tokens = [...text, ...rows];
  const group = { sequence: cache.slots.createSequence(), tokens, scored: [tokens.length - 1] };
  const { scores } = await model.forward(cache, [group], { logits: true });
  return scores[0].logits(0).slice();
}

describe.each(precisions)('%s', (precision) => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadTiny(stories, { precision, threads: 1 });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it('is the token itself when all weight is on it, bit for bit', async () => {
    const plain = await lastLogits(model, [300, 410]);
    for (const same of [
      [[410, 1]],
      [
        [410, 1],
        [77, 0],
      ],
      [
        [410, 0.5],
        [410, 0.5],
      ],
    ] as const)
      expect(await lastLogits(model, [300, same])).toEqual(plain);
  });

  it('is another input than any of its tokens', async () => {
    const mixed = await lastLogits(model, [
      [
        [300, 0.5],
        [410, 0.5],
      ],
    ]);
    for (const token of [300, 410])
      expect(maxDifference(mixed, await lastLogits(model, [token]))).toBeGreaterThan(0.01);
  });
});

describe('in w8a8', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadTiny(stories, { precision: 'w8a8', threads: 1 });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  const token = fc.integer({ min: 0, max: 511 });
  const mixture = fc.array(fc.tuple(token, fc.double({ min: 0, max: 1, noNaN: true })), {
    minLength: 1,
    maxLength: 5,
  });
  const input: fc.Arbitrary<Input> = fc.oneof(token, mixture);

  it('does not depend on the rows and lanes beside it', async () => {
    await fc.assert(
      fc.asyncProperty(mixture, fc.array(input, { minLength: 1, maxLength: 6 }), async (own, others) => {
        const alone = await lastLogits(model, [own]);
        const batch = model.newBatch();
        const lanes = [[...text, own], others].map((tokens) => {
          const cache = batch.open();
          const scored = [tokens.length - 1];
          return { cache, groups: [{ sequence: cache.slots.createSequence(), tokens, scored }] };
        });
        const [forward] = await model.forwardLanes(lanes, { logits: true });
        expect(forward.scores[0].logits(0).slice()).toEqual(alone);
        const cache = model.newCache();
        const groups = lanes.map(({ groups: [{ tokens, scored }] }) => ({
          ...{ sequence: cache.slots.createSequence(), tokens, scored },
        }));
        const beside = await model.forward(cache, groups, { logits: true });
        expect(beside.scores[0].logits(0).slice()).toEqual(alone);
      }),
      { numRuns: 25 },
    );
  });

  it.each([[[]], [[[3, Number.NaN]]], [[[3, Number.POSITIVE_INFINITY]]], [[[512, 1]]], [[[-1, 1]]]])(
    'refuses %j',
    async (row) => {
      await expect(lastLogits(model, [row as unknown as Mixture])).rejects.toMatchObject({
        code: 'bad-input',
      });
    },
  );
});

it('is the weighted sum of the embeddings', async () => {
  const options = { precision: 'fp32', exact: false, hidden: [0] } as const;
  const { program, config } = await loadProgram(fixture('llama'), options);
  await program[Symbol.asyncDispose]();
  await using model = await loadTiny(fixture('llama'), { ...options, threads: 1 });
  const embeddings = async (rows: readonly Input[]) => {
    const cache = model.newCache();
    const group = { sequence: cache.slots.createSequence(), tokens: rows, scored: [] };
    const { outputs } = await model.forward(cache, [group]);
    return outputs['hidden.0'].data as Float32Array;
  };
  const tokens = [5, 9, 40];
  const weights = [0.7, -0.2, 0.5];
  const plain = await embeddings(tokens);
  const d = config.hiddenSize;
  const expected = Float32Array.from({ length: d }, (_, i) =>
    weights.reduce((sum, weight, row) => sum + weight * plain[row * d + i], 0),
  );
  const mixed = await embeddings([tokens.map((token, i) => [token, weights[i]] as const)]);
  expect(maxDifference(mixed, expected)).toBeLessThan(1e-6);
});
