import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, golden } from '../../test/golden/weights/golden.ts';
import { bfloatToFloat, floatToBfloat, floatToHalf, halfTable, halfToFloat } from './half.ts';

const bits = fc.integer({ min: 0, max: 0xffff });

describe('16-bit floats', () => {
  const file = golden<{ values: string; half: string; bfloat: string }>('half');
  const values = new Float32Array(fromBase64(file.values).buffer);

  it('rounds to the float16 bits of NumPy', () => {
    expect([...values].map(floatToHalf)).toEqual([...new Uint16Array(fromBase64(file.half).buffer)]);
  });

  it('rounds to the bfloat16 bits of PyTorch', () => {
    expect([...values].map(floatToBfloat)).toEqual([...new Uint16Array(fromBase64(file.bfloat).buffer)]);
  });

  it('restores every float16 pattern that is not NaN, and keeps NaN', () => {
    for (let half = 0; half < 65536; half++) {
      const value = halfToFloat(half);
      if (Number.isNaN(value)) expect(halfToFloat(floatToHalf(value))).toBeNaN();
      else if (floatToHalf(value) !== half) expect.fail(`float16 0x${half.toString(16)}`);
    }
  });

  it('restores every bfloat16 pattern that is not NaN, and keeps NaN', () => {
    for (let bfloat = 0; bfloat < 65536; bfloat++) {
      const value = bfloatToFloat(bfloat);
      if (Number.isNaN(value)) expect(bfloatToFloat(floatToBfloat(value))).toBeNaN();
      else if (floatToBfloat(value) !== bfloat) expect.fail(`bfloat16 0x${bfloat.toString(16)}`);
    }
  });

  it('rounds to the nearest float16', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), bits, (value, other) => {
        const error = Math.abs(halfToFloat(floatToHalf(value)) - value);
        const rival = Math.abs(halfTable()[other] - value);
        return Number.isNaN(rival) || error <= rival;
      }),
    );
  });
});
