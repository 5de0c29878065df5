import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { fixture, fromBase64, golden, seeded } from '../../test/golden/weights/golden.ts';
import {
  dequantizeBlocks,
  dequantizeRowsInt8,
  quantizeBlocks4,
  quantizeBlocks8,
  quantizeRowsInt8,
} from './requantize.ts';

/** A quarter of the float32 range: beyond it, rounding a scale up may make a restored weight infinite. */
const LARGEST = 2 ** 126;
/** What rounding a subnormal scale to a whole step may cost 255 levels. */
const TINY = 255 * 2 ** -149;

const matrix = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 70 })).chain(([out, in_]) =>
  fc.record({
    out: fc.constant(out),
    in_: fc.constant(in_),
    w: fc.float32Array({
      minLength: out * in_,
      maxLength: out * in_,
      noNaN: true,
      min: -LARGEST,
      max: LARGEST,
    }),
  }),
);

describe('quantizeRowsInt8', () => {
  it('equals NumPy, ties to even and rows of zeros included', () => {
    const file = golden<{ out: number; in: number; weights: string; values: string; scales: string }>(
      'rows-int8',
    );
    const w = new Float32Array(fromBase64(file.weights).buffer);
    const { values, scales } = quantizeRowsInt8(w, file.out, file.in);
    expect(values).toEqual(new Int8Array(fromBase64(file.values).buffer));
    expect(scales).toEqual(new Float32Array(fromBase64(file.scales).buffer));
  });

  it('restores each weight to within half a step of its row', () => {
    fc.assert(
      fc.property(matrix, ({ out, in_, w }) => {
        const rows = quantizeRowsInt8(w, out, in_);
        const restored = dequantizeRowsInt8(rows, out, in_);
        return w.every((value, i) => {
          const scale = rows.scales[Math.floor(i / in_)];
          // The float32 scale may be a hair short of absmax / 127, and the product is rounded.
          return (
            scale > 0 && Math.abs(restored[i] - value) <= scale * 0.50001 + Math.abs(value) * 1e-6 + TINY
          );
        });
      }),
    );
  });
});

describe.each([
  { bits: 4 as const, quantize: quantizeBlocks4 },
  { bits: 8 as const, quantize: quantizeBlocks8 },
])('quantizeBlocks$bits', ({ bits, quantize }) => {
  it.each([true, false])(
    'restores each weight to within a step of its block (symmetric: %s)',
    (symmetric) => {
      fc.assert(
        fc.property(matrix, ({ out, in_, w }) => {
          const blocks = quantize(w, out, in_, 16, { symmetric });
          const restored = dequantizeBlocks(blocks, out, in_, 16, bits);
          return w.every((value, i) => {
            const block = Math.floor(i / in_) * Math.ceil(in_ / 16) + Math.floor((i % in_) / 16);
            const step = Math.abs(blocks.scales[block]);
            return Math.abs(restored[i] - value) <= step * 1.001 + Math.abs(value) * 1e-6 + TINY;
          });
        }),
      );
    },
  );

  it('keeps zeros exactly zero', () => {
    const w = Float32Array.from({ length: 64 }, (_, i) => (i % 3 === 0 ? 0 : i - 20.3));
    for (const symmetric of [true, false]) {
      const restored = dequantizeBlocks(quantize(w, 2, 32, 32, { symmetric }), 2, 32, 32, bits);
      expect(restored.filter((_, i) => i % 3 === 0).every((value) => value === 0)).toBe(true);
    }
  });

  it.each([true, false])('is in the layout MatMulNBits computes with (symmetric: %s)', async (symmetric) => {
    const [m, out, in_] = [3, 6, 80];
    const random = seeded(5);
    const normal = () => random() + random() + random() - 1.4;
    const w = Float32Array.from({ length: out * in_ }, normal);
    const a = Float32Array.from({ length: m * in_ }, normal);
    const blocks = quantize(w, out, in_, 32, { symmetric });
    const session = await InferenceSession.create(
      fixture(`matmul-${bits}-${symmetric ? 'symmetric' : 'asymmetric'}.onnx`),
    );
    const feeds: Record<string, Tensor> = {
      a: new Tensor('float32', a, [m, in_]),
      b: new Tensor('uint8', blocks.packed, [out, 3, (32 * bits) / 8]),
      scales: new Tensor('float32', blocks.scales, [out, 3]),
    };
    if (blocks.zeroPoints) {
      feeds.zero_points = new Tensor('uint8', blocks.zeroPoints, [out, blocks.zeroPoints.length / out]);
    }
    const { y } = await session.run(feeds);
    await session.release();

    const restored = dequantizeBlocks(blocks, out, in_, 32, bits);
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < out; column++) {
        let sum = 0;
        for (let k = 0; k < in_; k++) sum += a[row * in_ + k] * restored[column * in_ + k];
        expect(y.data[row * out + column]).toBeCloseTo(sum, 4);
      }
    }
  });

  it('refuses block sizes MatMulNBits does not have', () => {
    for (const blockSize of [0, 8, 24, 16.5, Number.NaN]) {
      expect(() => quantize(new Float32Array(64), 1, 64, blockSize)).toThrow(/power of two/);
    }
  });
});

describe('requantization', () => {
  it('uses all 16 levels: the largest magnitude is exact, whatever its sign', () => {
    for (const sign of [1, -1]) {
      const w = Float32Array.from({ length: 32 }, (_, i) => sign * (i - 10));
      const restored = dequantizeBlocks(quantizeBlocks4(w, 1, 32), 1, 32, 32, 4);
      expect(restored[31]).toBe(w[31]);
    }
  });

  it('refuses lengths that make no matrix and weights that are not finite', () => {
    for (const quantize of [quantizeRowsInt8, quantizeBlocks4, quantizeBlocks8]) {
      expect(() => quantize(new Float32Array(5), 2, 3)).toThrow(
        expect.objectContaining({ code: 'bad-shape' }),
      );
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const w = Float32Array.of(1, bad, 2, 3);
        expect(() => quantize(w, 2, 2)).toThrow(expect.objectContaining({ code: 'bad-file' }));
      }
    }
  });
});
