import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generate, promptTokens } from '../decode/generate.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { load } from '../models/load.ts';
import { openTrainable } from './open-trainable.ts';

describe('openTrainable', () => {
  it('encodes a prompt as decoding does', async () => {
    const { encode, pad } = await openTrainable('house-causal');
    const { tokens, answerStart } = encode({ prompt: 'Sort: 3 1 2', answer: '1 2 3' });
    await using model = await load('house-causal');
    const prompt = promptTokens(model, [{ role: 'user', content: 'Sort: 3 1 2' }]);
    expect([...tokens.subarray(0, answerStart)]).toEqual(prompt);
    expect(tokens.at(-1)).toBe(pad);
    expect(model.tokenizer.decode([...tokens.subarray(answerStart, -1)])).toBe('1 2 3');
  });

  it('takes text as it is where the model has no chat template', async () => {
    const { encode, tokenizer } = await openTrainable('stories260k');
    const { tokens, answerStart } = encode({ prompt: 'Once upon', answer: ' a time' });
    expect([...tokens.subarray(0, answerStart)]).toEqual(
      tokenizer.encode('Once upon', { addSpecialTokens: false }),
    );
  });

  it('refuses an example that is longer than the context', async () => {
    const { encode, config } = await openTrainable('house-diffusion');
    const answer = '1 '.repeat(config.contextLength);
    expect(() => encode({ prompt: 'Sort: 1', answer })).toThrow(
      expect.objectContaining({ code: 'bad-input', message: expect.stringContaining('takes 128') }),
    );
  });

  it('decodes with given weights, as a loaded checkpoint does', async () => {
    const { decoder, parameters } = await openTrainable('house-diffusion');
    const prompt = [{ role: 'user', content: 'Use 3 7 8 to make 29.' }];
    const answer = async (model: LanguageModel) =>
      (await generate(model, prompt, { maxTokens: 24, method: 'diffusion' }).result).committed;
    await using ours = await decoder(parameters);
    await using loaded = await load('house-diffusion', { precision: 'fp32' });
    expect(await answer(ours)).toEqual(await answer(loaded));
    for (const { data } of parameters.values()) data.fill(0);
    await using empty = await decoder(parameters);
    expect(await answer(empty)).not.toEqual(await answer(loaded));
  });

  it.each([0, 7, 1.5])('refuses %d layers of six', async (layers) => {
    await expect(openTrainable('house-causal', { layers })).rejects.toMatchObject({ code: 'bad-option' });
  });

  it('opens the first layers alone, and writes them as a model', async () => {
    const { parameters, save } = await openTrainable('house-causal', { layers: 2 });
    expect([...parameters.keys()].filter((name) => name.includes('.layers.2.'))).toEqual([]);
    const folder = await mkdtemp(join(tmpdir(), 'quickstep-layers-'));
    try {
      await save(folder, parameters);
      await using model = await load(folder);
      expect(model.config.layers).toBe(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
