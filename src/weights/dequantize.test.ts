import { describe, expect, it } from 'vitest';
import { fromBase64, golden } from '../../test/golden/weights/golden.ts';
import { ggufTypes, unsupportedGgufTypes } from './dequantize.ts';

const cases = golden<Record<string, { bytes: string; values: string }>>('quants');

/** Bit patterns, so that -0 and 0 differ and every NaN equals its own. */
function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

describe('dequantization', () => {
  it('has a golden case for every type that is read', () => {
    expect(Object.keys(cases).sort()).toEqual([...ggufTypes.values()].map(({ name }) => name).sort());
  });

  it.each([...ggufTypes.values()])('decodes $name bit for bit as the gguf package does', (type) => {
    const bytes = fromBase64(cases[type.name].bytes);
    const expected = new Float32Array(fromBase64(cases[type.name].values).buffer);
    const values = new Float32Array((bytes.length / type.blockBytes) * type.blockSize);
    type.decode(bytes, values);
    expect(bitsOf(values)).toEqual(bitsOf(expected));
  });

  it.each([...ggufTypes.values()])('decodes $name from the middle of a buffer', (type) => {
    const bytes = fromBase64(cases[type.name].bytes);
    const whole = new Float32Array((bytes.length / type.blockBytes) * type.blockSize);
    type.decode(bytes, whole);
    const second = new Float32Array(3 * type.blockSize).subarray(type.blockSize, 2 * type.blockSize);
    type.decode(bytes.subarray(type.blockBytes, 2 * type.blockBytes), second);
    expect(bitsOf(second)).toEqual(bitsOf(whole.subarray(type.blockSize, 2 * type.blockSize)));
  });

  it('names no type both readable and unsupported', () => {
    for (const number of ggufTypes.keys()) expect(unsupportedGgufTypes.has(number)).toBe(false);
  });
});
