/**
 * LLaDA, LLaDA-MoE and Dream against the modelling code of their authors (tools/golden_mdlm.py), on tiny random
 * checkpoints, from safetensors and from GGUF.
 */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fixture,
  golden,
  type MaskedModelGolden,
  maskedModelNames,
} from '../../test/golden/models/golden.ts';
import { generate } from '../decode/generate.ts';
import { diffusion } from '../decode/masked-diffusion/diffusion.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { parseLlamaConfig } from './config.ts';
import type { LanguageModel } from './language-model.ts';
import type { LlamaOptions } from './llama.ts';
import { llamaWeightShapes } from './llama-training.ts';
import { loadTiny, maxDifference, range } from './testing/tiny.ts';

const files = maskedModelNames.flatMap((name) => [
  { name, file: name },
  { name, file: `${name}.gguf` },
]);

/** Logits of these positions with every row seeing every other; the mask, which is never predicted, as it is in `values`. */
async function canvasLogits(model: LanguageModel, { ids, logits, mask }: MaskedModelGolden) {
  const cache = model.newCache();
  const group = { sequence: cache.slots.createSequence(), tokens: ids, scored: logits.positions };
  const { scores } = await model.forward(cache, [group], { logits: true, attention: 'bidirectional' });
  return logits.values.map((row, i) => {
    const actual = scores[0].logits(i).slice();
    expect(actual[mask]).toBeLessThan(-1e8);
    actual[mask] = row[mask];
    return actual;
  });
}

describe.each(files)('$file agrees with PyTorch', ({ name, file }) => {
  const expected = golden<MaskedModelGolden>(`${name}/pytorch`);
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadTiny(fixture(file), { precision: 'fp32', exact: false, threads: 1 });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it('logits', async () => {
    for (const [i, row] of (await canvasLogits(model, expected)).entries()) {
      expect(
        maxDifference(row, expected.logits.values[i]),
        `position ${expected.logits.positions[i]}`,
      ).toBeLessThan(1e-4);
    }
  });

  it('the answer of one step', async () => {
    const { prompt, tokens } = expected.canvas;
    const methodOptions = { genLength: tokens.length, blockLength: 0, steps: 1, earlyStop: 'never' };
    const options = { method: diffusion, maxTokens: tokens.length, methodOptions };
    const answer: number[] = [];
    for await (const { committed } of generate(model, { tokens: prompt }, options)) {
      for (const { position, token } of committed) answer[position] = token;
    }
    expect(answer).toEqual(tokens);
  });

  it('says what it can do', () => {
    expect([...model.capabilities].sort()).toEqual([
      'bidirectional',
      'canvas',
      'embeddings-in',
      'hidden-states',
      'mask-token',
    ]);
    expect(model.config).toMatchObject({ maskTokenId: expected.mask, shiftLogits: name === 'dream' });
  });
});

describe.each(maskedModelNames)('relative error of the logits of %s', (name) => {
  it.each([
    { precision: 'fp32', rotate: true, bound: 1e-5 },
    { precision: 'w8a8', bound: 0.1 },
    { precision: 'w4', bound: 0.8 },
  ] as const)('%o', async ({ bound, ...options }: LlamaOptions & { bound: number }) => {
    const expected = golden<MaskedModelGolden>(`${name}/pytorch`);
    await using model = await loadTiny(fixture(name), { ...options, exact: false, threads: 1 });
    const actual = (await canvasLogits(model, expected)).flatMap((row) => Array.from(row));
    const values = expected.logits.values.flat();
    expect(Math.hypot(...actual.map((x, i) => x - values[i])) / Math.hypot(...values)).toBeLessThan(bound);
  });
});

describe('experts', () => {
  it('give a canvas the same bits in whatever company, in w8a8', async () => {
    await using model = await loadTiny(fixture('llada-moe'), { precision: 'w8a8', threads: 1 });
    const cache = model.newCache();
    const sequence = cache.slots.createSequence();
    const canvases = [range(1), range(7), range(30)].map((ids) => ({
      sequence,
      tokens: ids.map((id) => 3 + id),
      scored: ids,
      attention: 'bidirectional' as const,
    }));
    const together = await model.forward(cache, canvases, { logits: true, newRows: false });
    const rows = canvases.map(({ scored }, i) => scored.map((row) => together.scores[i].logits(row).slice()));
    for (const [i, canvas] of canvases.entries()) {
      const alone = await model.forward(cache, [canvas], { logits: true, newRows: false });
      for (const row of canvas.scored) expect(alone.scores[0].logits(row)).toEqual(rows[i][row]);
    }
  });

  it('are not trained', async () => {
    const config = parseLlamaConfig(JSON.parse(await readFile(fixture('llada-moe/config.json'), 'utf8')));
    expect(() => llamaWeightShapes(config)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });
});

describe.each(['llada', 'dream'])('%s as a trainable model', (name) => {
  it('has a weight for every parameter', async () => {
    const checkpoint = await openCheckpoint(fixture(name));
    await checkpoint.close();
    const shapes = llamaWeightShapes(parseLlamaConfig(checkpoint.config));
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...shapes.keys()].sort());
    for (const [tensor, shape] of shapes) expect(checkpoint.tensors.get(tensor)?.shape).toEqual(shape);
  });
});
