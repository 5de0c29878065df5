import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, maskedModelNames } from '../../test/golden/models/golden.ts';
import { parseLlamaConfig } from '../models/config.ts';
import { precisions } from '../models/linear.ts';
import { buildLlama } from '../models/llama.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { locate } from '../weights/pull.ts';
import { activationBytes, kvBytesPerToken, memoryNeeds, parameterCount, weightBytes } from './memory.ts';

const checkpoint = await openCheckpoint((await locate('stories260k'))!);
const config = parseLlamaConfig(checkpoint.config);

describe('weightBytes', () => {
  it.each(precisions)('is what the constants of a %s program take', async (precision) => {
    const { constants } = await buildLlama(config, checkpoint, { precision });
    const bytes = [...constants.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(weightBytes(config, precision) / bytes).toBeCloseTo(1, 1);
  });

  it('counts a head of its own', () => {
    const untied = { ...config, tiedEmbeddings: false };
    expect(weightBytes(untied, 'fp32') - weightBytes(config, 'fp32')).toBe(512 * 64 * 4);
  });
});

describe('memory of a full context', () => {
  it('adds keys and values of every layer', () => {
    // 5 layers, keys and values, 4 heads of 8 float32.
    expect(kvBytesPerToken(config)).toBe(5 * 2 * 4 * 8 * 4);
    expect(memoryNeeds(config).fp32).toBe(weightBytes(config, 'fp32') + kvBytesPerToken(config) * 512);
  });
});

describe('masked diffusion models', () => {
  it.each(maskedModelNames)('parameters and weights of %s are counted as they are', async (name) => {
    const open = await openCheckpoint(fixture(name));
    const small = parseLlamaConfig(open.config);
    const values = [...open.tensors.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    expect(parameterCount(small)).toBe(values.reduce((a, b) => a + b, 0));
    const { constants } = await buildLlama(small, open, { precision: 'fp32' });
    await open.close();
    const bytes = [...constants.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(weightBytes(small, 'fp32') / bytes).toBeCloseTo(1, 3);
  });

  it('tells what LLaDA-8B needs, in 8 and 4 bits', () => {
    const llada = parseLlamaConfig(JSON.parse(readFileSync(fixture('llada-8b/config.json'), 'utf8')));
    expect(parameterCount(llada)).toBe(8_015_581_184);
    // A byte for each parameter; five eighths of one with the scales, but the table of tokens in float32.
    expect(weightBytes(llada, 'w8a8') / 1e9).toBeCloseTo(8.09, 1);
    expect(weightBytes(llada, 'w4') / 1e9).toBeCloseTo(6.83, 1);
    // No cache: three tensors of logits of 1,024 tokens, and two of the residual stream.
    expect(activationBytes(llada, 1024)).toBe((3 * 126_464 + 2 * 4096) * 1024 * 4);
    expect(memoryNeeds(llada).w8a8).toBe(weightBytes(llada, 'w8a8') + activationBytes(llada, 1024));
  });

  it('counts attention scores where they are the widest', () => {
    const wide = { ...config, causal: false, heads: 64 };
    expect(activationBytes(wide, 512)).toBe((3 * 64 * 512 + 2 * 64) * 512 * 4);
  });
});
