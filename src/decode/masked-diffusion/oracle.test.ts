/** The oracle writes the very answer it is given, and tells truly what it saw. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canvasLanguage, decodeSettings, trajectory } from '../testing/canvas-model.ts';
import { softmaxOf } from '../testing/reference-canvas.ts';
import { diffusion } from './diffusion.ts';
import { type OracleStep, oracle } from './oracle.ts';

const vocabulary = 8;
const maskId = 0;

describe('oracle', () => {
  it("takes no more forwards than the model's own answer took, one token a step", async () => {
    let [forwards, tokens] = [0, 0];
    for (let seed = 0; seed < 40; seed++) {
      const language = canvasLanguage(seed, vocabulary, maskId);
      const settings = { genLength: 12, methodOptions: { blockLength: 6 } };
      const { run } = await decodeSettings(diffusion, language, settings);
      const { run: known } = await decodeSettings(
        oracle(() => run.generated),
        language,
        settings,
      );
      expect(known.generated).toEqual(run.generated);
      expect(known.statistics.forwards).toBeLessThanOrEqual(12);
      forwards += known.statistics.forwards;
      tokens += 12;
    }
    expect(forwards).toBeLessThan(0.9 * tokens);
  });

  it('writes any answer, also what is never predicted, and sees each step as it is', async () => {
    const anyAnswer = fc.array(fc.integer({ min: 1, max: vocabulary - 1 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), anyAnswer, async (seed, answer) => {
        const language = canvasLanguage(seed, vocabulary, maskId);
        const seen: OracleStep[] = [];
        const prompt = [1, 2];
        const genLength = answer.length;
        const settings = { prompt, genLength, methodOptions: { genLength: undefined, blockLength: 5 } };
        const { run, steps } = await decodeSettings(
          oracle(
            () => answer,
            (step) => seen.push(step),
          ),
          language,
          settings,
        );
        expect(run.generated).toEqual(answer);
        expect(seen).toHaveLength(steps.length);
        let canvas = new Array<number>(genLength).fill(-1);
        const size = Math.min(5, genLength);
        for (const [n, { confidence, right, masked }] of seen.entries()) {
          const start = Math.floor(canvas.indexOf(-1) / 5) * 5;
          const fed = [...prompt, ...canvas.map((token) => (token === -1 ? maskId : token))];
          expect([confidence.length, right.length, masked.length]).toEqual([size, size, size]);
          const rights: number[] = [];
          for (let place = 0; place < size; place++) {
            const position = start + place;
            if (position >= genLength) {
              expect([confidence[place], right[place], masked[place]]).toEqual([1, true, false]);
              continue;
            }
            const p = softmaxOf(language(fed, prompt.length + position));
            const best = p.indexOf(Math.max(...p));
            expect(confidence[place]).toBeCloseTo(p[best], 6);
            expect(right[place]).toBe(best === answer[position]);
            expect(masked[place]).toBe(canvas[position] === -1);
            if (right[place] && masked[place]) rights.push(position);
          }
          const committed = trajectory([steps[n]])[0].map(([position]) => position);
          const block = [...canvas.keys()]
            .slice(start, start + 5)
            .filter((position) => canvas[position] === -1);
          expect(committed).toEqual(rights.length > 0 ? rights : block);
          // The probability is that of the token written, predicted or not.
          for (const { position, token, probability } of steps[n].committed)
            expect(probability).toBeCloseTo(softmaxOf(language(fed, prompt.length + position))[token], 6);
          canvas = [...steps[n].canvas!];
        }
      }),
      { numRuns: 100, seed: 8 },
    );
  });
});
