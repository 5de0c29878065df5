/**
 * The Llama family against PyTorch: logits, hidden states, attention probabilities and greedy ids of one tiny random
 * checkpoint for each architecture and feature. Differences are float32 rounding, 1e-5 or so at logits of size 10.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture, golden, goldenNames, type ModelGolden } from '../../test/golden/models/golden.ts';
import { buildRows } from '../cache/index.ts';
import { float32, type Tensor, tensor } from '../graph/index.ts';
import type { LanguageModel } from './language-model.ts';
import { greedyIds, loadProgram, loadTiny, logitsOf, maxDifference, range } from './testing/tiny.ts';

const tolerance = 1e-4;

describe.each(goldenNames)('%s agrees with PyTorch', (name) => {
  const expected = golden<ModelGolden>(`${name}/pytorch`);
  const { ids } = expected;
  let model: LanguageModel;

  beforeAll(async () => {
    const hidden = range(expected.hidden.values.length);
    model = await loadTiny(fixture(name), {
      precision: 'fp32',
      exact: false,
      hidden,
      attention: [expected.attention.layer],
    });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it.each([ids.length, 1, 7, 32])('logits in chunks of %i', async (chunk) => {
    const logits = await logitsOf(model, ids, chunk);
    expected.logits.positions.forEach((position, i) => {
      expect(maxDifference(logits[position], expected.logits.values[i]), `position ${position}`).toBeLessThan(
        tolerance,
      );
    });
  });

  it('greedy ids', async () => {
    const { prompt, ids: continuation } = expected.greedy;
    expect(await greedyIds(model, ids.slice(0, prompt), continuation.length)).toEqual(continuation);
  });

  it('hidden states and attention probabilities', async () => {
    const cache = model.newCache();
    const group = { sequence: cache.slots.createSequence(), tokens: ids, scored: [] };
    const { outputs } = await model.forward(cache, [group]);
    const { position, values } = expected.hidden;
    values.forEach((row, layer) => {
      const stream = outputs[`hidden.${layer}`].data as Float32Array;
      const at = stream.subarray(position * row.length, (position + 1) * row.length);
      expect(maxDifference(at, row), `hidden state after layer ${layer}`).toBeLessThan(tolerance);
    });
    const heads = expected.attention.values;
    const probabilities = outputs[`attention.${expected.attention.layer}`];
    expect(probabilities.shape).toEqual([1, heads.length, ids.length, ids.length]);
    heads.forEach((row, head) => {
      const start = (head * ids.length + ids.length - 1) * ids.length;
      const last = (probabilities.data as Float32Array).subarray(start, start + ids.length);
      expect(maxDifference(last, row), `head ${head}`).toBeLessThan(1e-5);
    });
  });

  it('bidirectional logits', async () => {
    const cache = model.newCache();
    const { positions, values } = expected.bidirectional;
    const group = { sequence: cache.slots.createSequence(), tokens: ids, scored: positions };
    const { scores } = await model.forward(cache, [group], { logits: true, attention: 'bidirectional' });
    values.forEach((row, i) => {
      expect(maxDifference(scores[0].logits(i), row), `position ${positions[i]}`).toBeLessThan(tolerance);
    });
  });
});

describe.each(['llama-f32', 'llama-q8_0'])('%s.gguf agrees with PyTorch on the weights it holds', (name) => {
  it('logits', async () => {
    const { ids, logits } = golden<Pick<ModelGolden, 'ids' | 'logits'>>(name);
    const model = await loadTiny(fixture(`${name}.gguf`), { precision: 'fp32' });
    const rows = await logitsOf(model, ids);
    logits.positions.forEach((position, i) => {
      expect(maxDifference(rows[position], logits.values[i])).toBeLessThan(tolerance);
    });
    await model[Symbol.asyncDispose]();
  });
});

/** One forward of a chain over an empty cache. */
async function runBare(
  name: string,
  options: Parameters<typeof loadProgram>[1],
  input: Record<string, Tensor>,
  rows: number,
  head: number,
) {
  const { program, config } = await loadProgram(fixture(name), options);
  const { positions, bias } = buildRows(
    [
      {
        sequence: { id: 0, length: 0, nextPosition: 0, slots: new Int32Array(), positions: new Int32Array() },
        rows,
      },
    ],
    0,
    { attention: 'causal', window: config.slidingWindow },
  );
  const inputs: Record<string, Tensor> = {
    ...input,
    positions: tensor('int32', [1, rows], positions),
    bias: float32([1, 1, rows, rows], bias),
    headRows: tensor('int32', [1], Int32Array.of(head)),
  };
  const empty = float32([1, config.kvHeads, 0, config.headDim], new Float32Array());
  for (const layer of range(options.layers ?? config.layers)) {
    inputs[`pastKey.${layer}`] = empty;
    inputs[`pastValue.${layer}`] = empty;
  }
  const outputs = await program.run(inputs);
  await program[Symbol.asyncDispose]();
  return outputs;
}

describe('program variants', () => {
  const idsInput = (ids: readonly number[]) => ({
    ids: tensor('int32', [1, ids.length, 1], Int32Array.from(ids)),
    weights: float32([1, ids.length, 1, 1], new Float32Array(ids.length).fill(1)),
  });

  it.each(['llama', 'mistral', 'qwen3'])('%s stops after the first layer', async (name) => {
    const { ids, early } = golden<ModelGolden>(`${name}/pytorch`);
    const options = { precision: 'fp32', layers: early.layers } as const;
    const { logits } = await runBare(name, options, idsInput(ids), ids.length, early.position);
    expect(maxDifference(logits.data as Float32Array, early.values)).toBeLessThan(tolerance);
  });

  it.each(['fp32', 'w8a8'] as const)(
    'embeddings in place of ids give the same bits with %s',
    async (precision) => {
      const { ids } = golden<ModelGolden>('llama/pytorch');
      // A rotated program's embeddings are rounded on their way out and in again.
      const options = { precision, rotate: false, final: true } as const;
      const fromIds = await runBare('llama', { ...options, hidden: [0] }, idsInput(ids), ids.length, 95);
      const embeddings = fromIds['hidden.0'];
      expect(embeddings.shape).toEqual([1, ids.length, 64]);
      const embedded = await runBare(
        'llama',
        { ...options, input: 'embeddings' },
        { embeddings },
        ids.length,
        95,
      );
      for (const name of ['logits', 'final']) {
        expect(
          maxDifference(embedded[name].data as Float32Array, fromIds[name].data as Float32Array),
          name,
        ).toBe(0);
      }
    },
  );

  it.each([
    { layers: 3 },
    { layers: 0.5 },
    { hidden: [3] },
    { hidden: [2], layers: 1 },
    { attention: [-1] },
    { attention: [2] },
    { attention: [1], layers: 1 },
  ])('refuses a layer that is not run: %o', async (options) => {
    await expect(loadProgram(fixture('llama'), { precision: 'fp32', ...options })).rejects.toMatchObject({
      code: 'bad-option',
    });
  });
});
