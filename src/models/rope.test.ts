/** Rotary tables: the definition, the two ways of stretching it, and the rounding of long contexts. */

import { describe, expect, it } from 'vitest';
import { parseLlamaConfig } from './config.ts';
import { ropeFrequencies, ropeTables } from './rope.ts';

const llama3 = {
  type: 'llama3',
  factor: 8,
  lowFrequency: 1,
  highFrequency: 4,
  originalContext: 8192,
} as const;

describe('ropeFrequencies', () => {
  const plain = ropeFrequencies(64, 500_000, { type: 'default' });

  it('falls geometrically from 1', () => {
    expect(plain).toHaveLength(32);
    plain.forEach((frequency, i) => {
      expect(frequency / 500_000 ** (-i / 32)).toBeCloseTo(1, 6);
    });
  });

  it('linear scaling divides every frequency', () => {
    const scaled = ropeFrequencies(64, 500_000, { type: 'linear', factor: 4 });
    expect(scaled).toEqual(plain.map((frequency) => frequency / 4));
  });

  it('Llama 3 keeps short wavelengths, divides long ones and joins them without a jump', () => {
    const scaled = ropeFrequencies(64, 500_000, llama3);
    const ratios = Array.from(scaled, (frequency, i) => plain[i] / frequency);
    ratios.forEach((ratio, i) => {
      const wavelength = (2 * Math.PI) / plain[i];
      if (wavelength < 8192 / 4) expect(ratio).toBe(1);
      else if (wavelength > 8192) expect(ratio).toBeCloseTo(8, 5);
      else expect(ratio).toBeGreaterThan(1);
    });
    expect(ratios).toEqual(ratios.toSorted((a, b) => a - b));
    expect(new Set(ratios).size).toBeGreaterThan(3);
  });
});

describe('ropeTables', () => {
  it('holds cosine and sine of position times frequency, the angle in float32 as in PyTorch', () => {
    const config = parseLlamaConfig({
      model_type: 'llama',
      hidden_size: 64,
      intermediate_size: 64,
      num_hidden_layers: 1,
      num_attention_heads: 4,
      vocab_size: 10,
    });
    const { cos, sin } = ropeTables(config, 1000);
    expect([cos.shape, sin.shape]).toEqual([
      [1000, 8],
      [1000, 8],
    ]);
    const frequencies = ropeFrequencies(16, 10_000, { type: 'default' });
    for (const [position, i] of [
      [0, 3],
      [1, 0],
      [999, 1],
      [517, 7],
    ]) {
      const angle = Math.fround(position * frequencies[i]);
      expect(cos.data[position * 8 + i]).toBe(Math.fround(Math.cos(angle)));
      expect(sin.data[position * 8 + i]).toBe(Math.fround(Math.sin(angle)));
    }
  });
});
