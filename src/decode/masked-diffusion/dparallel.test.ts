/** The decoding of dParallel: entropies against a plain reference, and the cases it has in common with `diffusion`. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canvasLanguage, decodeSettings, trajectory } from '../testing/canvas-model.ts';
import { referenceCanvas, surest } from '../testing/reference-canvas.ts';
import { diffusion } from './diffusion.ts';
import { dparallel } from './dparallel.ts';

const vocabulary = 8;
const maskId = 0;
const prompt = [1, 2, 3];

const anyRun = fc.record({
  seed: fc.nat(1000),
  scale: fc.constantFrom(1, 2, 4),
  blocks: fc.array(fc.constant(4), { minLength: 1, maxLength: 3 }),
  temperature: fc.constantFrom(0, 1),
  cfgScale: fc.constantFrom(0, 0, 1),
});

function decode({
  seed,
  scale,
  blocks,
  temperature,
  cfgScale,
}: typeof anyRun extends fc.Arbitrary<infer R> ? R : never) {
  const language = canvasLanguage(seed, vocabulary, maskId, scale);
  const genLength = 4 * blocks.length;
  const run = async (method: unknown, methodOptions: object) => {
    const sampling = { temperature, seed };
    const options = { blockLength: 4, cfgScale, ...methodOptions };
    return trajectory(
      (await decodeSettings(method, language, { prompt, genLength, sampling, methodOptions: options })).steps,
    );
  };
  return { language, run };
}

describe('dparallel', () => {
  it('commits all predictions of low entropy, and the one of lowest in any case', async () => {
    let parallel = 0;
    await fc.assert(
      fc.asyncProperty(anyRun, fc.constantFrom(0.2, 0.5, 1.2), async (settings, entropy) => {
        const { language, run } = decode(settings);
        const expected = referenceCanvas(language, {
          ...settings,
          prompt,
          maskId,
          order: 'entropy',
          rule: (openings) =>
            surest(openings).filter(({ confidence }, rank) => rank === 0 || -confidence <= entropy),
        });
        expect(await run(dparallel, { entropy })).toEqual(expected);
        parallel += expected.filter(({ length }) => length > 1).length;
      }),
      { numRuns: 150, seed: 3 },
    );
    expect(parallel).toBeGreaterThan(50);
  });

  it('is diffusion with a threshold, or in the order of entropy with none low enough', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (settings) => {
        const { run } = decode(settings);
        expect(await run(dparallel, { threshold: 0.6 })).toEqual(await run(diffusion, { threshold: 0.6 }));
        expect(await run(dparallel, { entropy: 0 })).toEqual(await run(diffusion, { order: 'entropy' }));
      }),
      { numRuns: 50, seed: 4 },
    );
  });

  it('takes a block a step when any entropy is low enough', async () => {
    const { run } = decode({ seed: 1, scale: 1, blocks: [4, 4], temperature: 0, cfgScale: 0 });
    expect((await run(dparallel, { entropy: 100 })).map(({ length }) => length)).toEqual([4, 4]);
  });
});
