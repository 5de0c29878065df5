import { describe, expect, it } from 'vitest';
import { parseLlamaConfig } from '../models/config.ts';
import { precisions } from '../models/linear.ts';
import { buildLlama } from '../models/llama.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { locate } from '../weights/pull.ts';
import { kvBytesPerToken, memoryNeeds, weightBytes } from './memory.ts';

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
