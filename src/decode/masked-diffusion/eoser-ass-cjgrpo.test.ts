/** EOS early rejection and ascending steps: the schedule's arithmetic, a plain reference, and what it comes to when off. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CanvasSettings, canvasLanguage, decodeSettings, trajectory } from '../testing/canvas-model.ts';
import { referenceCanvas, surest } from '../testing/reference-canvas.ts';
import { ascendingBlocks, ascendingQuotas, ascendingSteps } from './commit/ascending.ts';
import { diffusion } from './diffusion.ts';
import { ascendingRamp, earlyRejection, linearRamp } from './early-rejection.ts';
import { eoserAssCjgrpo } from './eoser-ass-cjgrpo.ts';
import { refusalOf } from './testing/refusal.ts';

const vocabulary = 8;
const maskId = 0;
const eos = 7;
const plainLanguage = canvasLanguage(5, vocabulary, maskId);

/** Sure of the end token wherever much is masked, as models are that were tuned on padded answers. */
const trap: typeof plainLanguage = (tokens, position) => {
  const logits = plainLanguage(tokens, position).slice();
  logits[eos] += (8 * tokens.filter((token) => token === maskId).length) / tokens.length;
  return logits;
};

const decode = (
  { methodOptions, ...settings }: CanvasSettings,
  method: unknown = eoserAssCjgrpo,
  language = plainLanguage,
) =>
  decodeSettings(method, language, {
    eosIds: [eos],
    ...settings,
    methodOptions: { earlyStop: 'never', ...methodOptions },
  });

const anyPrompt = fc.array(fc.integer({ min: 1, max: eos - 1 }), { minLength: 1, maxLength: 5 });
const anySampling = fc.record({ temperature: fc.constantFrom(0, 0, 0.7, 1), seed: fc.nat(1000) });

describe('ascending steps', () => {
  it('are those of the paper', () => {
    expect(ascendingQuotas(128)).toEqual([1, 2, 4, 8, 16, 32, 65]);
    expect(ascendingQuotas(256)).toEqual([1, 2, 4, 8, 16, 32, 64, 129]);
    expect(ascendingBlocks(128, 1)).toEqual([128]);
    expect(ascendingBlocks(128, 4)).toEqual([15, 16, 32, 65]);
    expect(ascendingBlocks(128, 7)).toEqual([1, 2, 4, 8, 16, 32, 65]);
    expect([1, 2, 3, 4, 5].map(ascendingQuotas)).toEqual([[1], [2], [3], [1, 3], [1, 4]]);
  });

  it('sum to the canvas, double, and are as many as its length has binary digits but one', () => {
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    for (const length of [...Array.from({ length: 140 }, (_, i) => i + 1), 1000, 1023, 1024, 1 << 20]) {
      const quotas = ascendingQuotas(length);
      const steps = Math.max(1, Math.floor(Math.log2(length)));
      const doubling = Array.from({ length: steps - 1 }, (_, step) => 2 ** step);
      expect(quotas).toEqual([...doubling, length - sum(doubling)]);
      expect(ascendingSteps(length)).toBe(steps);
      for (let count = 2; count <= steps; count++) {
        const blocks = ascendingBlocks(length, count);
        // In the card's words: the first has 2^(S-b+1) - 1, the last 2^(S-1) + 1 and what is beyond 2^S.
        const last = 2 ** (steps - 1) + 1 + (length - 2 ** steps);
        const between = Array.from({ length: count - 2 }, (_, i) => 2 ** (steps - count + 1 + i));
        expect(blocks).toEqual([2 ** (steps - count + 1) - 1, ...between, last]);
        expect(sum(blocks)).toBe(length);
      }
    }
  });

  it('fill any canvas in S forwards, every position once, single-step blocks whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ genLength: fc.integer({ min: 1, max: 70 }), share: fc.nat(5), sampling: anySampling }),
        async ({ genLength, share, sampling }) => {
          const count = ascendingSteps(genLength);
          const blocks = Math.min(1 + share, count);
          const { steps, run } = await decode({ genLength, sampling, methodOptions: { blocks } });
          expect(run.statistics.forwards).toBe(count);
          expect(steps.map(({ committed }) => committed.length)).toEqual(ascendingQuotas(genLength));
          const positions = steps.flatMap(({ committed }) => committed.map(({ position }) => position));
          expect(positions.toSorted((a, b) => a - b)).toEqual([...positions.keys()]);
          let end = 0;
          const ends = ascendingBlocks(genLength, blocks).map((length) => {
            end += length;
            return end;
          });
          for (const [index, { committed }] of steps.slice(count - blocks).entries()) {
            for (const { position } of committed) expect(position).toBeLessThan(ends[index]);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('early rejection', () => {
  it('rises evenly from γ_min to γ_max, with ascending steps by the share of the canvas', () => {
    expect([0, 1, 2, 3, 4, 9].map(linearRamp(5))).toEqual([0, 0.25, 0.5, 0.75, 1, 1]);
    expect([0, 1].map(linearRamp(1))).toEqual([1, 1]);
    expect([0, 1, 2, 7].map(ascendingRamp(3))).toEqual([1 / 8, 3 / 8, 7 / 8, 7 / 8]);
  });

  it('damps end tokens only, leaves tokens alone and the last last', () => {
    const tokens = Int32Array.of(1, eos, 6, eos, eos);
    const confidence = Float64Array.of(0.5, 0.9, 0.3, 0.2, Number.NEGATIVE_INFINITY);
    const hook = earlyRejection({ gammaMin: 0, gammaMax: 0.8, ramp: linearRamp(3) }, [eos, 6]);
    const at = (step: number) => {
      const predictions = { tokens: tokens.slice(), confidence: confidence.slice() };
      hook(predictions as never, { step } as never);
      expect(predictions.tokens).toEqual(tokens);
      return Array.from(predictions.confidence);
    };
    expect(at(0)).toEqual([0.5, 0, 0, 0, Number.NEGATIVE_INFINITY]);
    expect(at(1)).toEqual([0.5, 0.9 * 0.4, 0.3 * 0.4, 0.2 * 0.4, Number.NEGATIVE_INFINITY]);
    expect(at(2)).toEqual([0.5, 0.9 * 0.8, 0.3 * 0.8, 0.2 * 0.8, Number.NEGATIVE_INFINITY]);
  });

  it('lets an answer begin before it ends', async () => {
    /** Sure of an end token in the last place, and of more of them before one that is there; less sure of the answer. */
    const padded: typeof plainLanguage = (tokens, position) => {
      const last = position === tokens.length - 1;
      const [token, p] = last ? [eos, 0.9] : tokens[position + 1] === eos ? [eos, 0.95] : [1, 0.6];
      const rest = Math.log((1 - p) / (vocabulary - 1));
      return Float32Array.from({ length: vocabulary }, (_, id) => (id === token ? Math.log(p) : rest));
    };
    const length = async (methodOptions: Record<string, unknown>) =>
      (await decode({ genLength: 16, methodOptions }, eoserAssCjgrpo, padded)).run.generated.length;
    // One a step: end tokens come first and spread to the very beginning, or from step 7 on, when 0.9 γ exceeds 0.6.
    expect(await length({ schedule: 'uniform', gammaMin: 1 })).toBe(1);
    expect(await length({ schedule: 'uniform' })).toBe(8);
    // Steps of 1, 2, 4 and 9: an end token in each of them, or none before the last.
    expect(await length({ gammaMin: 1 })).toBe(13);
    expect(await length({})).toBe(16);
  });
});

describe('against diffusion and a plain reference, over random prompts and options', () => {
  it('is full diffusion with uniform steps and nothing rejected', async () => {
    const anySettings = fc.record({
      prompt: anyPrompt,
      genLength: fc.integer({ min: 1, max: 20 }),
      sampling: anySampling,
      share: fc.integer({ min: 1, max: 20 }),
      order: fc.constantFrom('low_confidence', 'entropy', 'margin', 'random', 'origin'),
      cfgScale: fc.constantFrom(0, 0, 1.2),
      earlyStop: fc.constantFrom('answer', 'block', 'never'),
      blocked: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(anySettings, async ({ share, order, cfgScale, earlyStop, blocked, ...settings }) => {
        const steps = share < settings.genLength ? share : undefined;
        const blockLength = blocked && !steps ? 4 : 0;
        const genLength = blockLength ? 4 * Math.ceil(settings.genLength / 4) : settings.genLength;
        const methodOptions = { order, cfgScale, earlyStop, steps, blockLength };
        const own = { schedule: 'uniform', gammaMin: 1, ...methodOptions };
        const [ours, theirs] = [
          await decode({ ...settings, genLength, methodOptions: own }),
          await decode({ ...settings, genLength, methodOptions }, diffusion),
        ];
        expect(trajectory(ours.steps)).toEqual(trajectory(theirs.steps));
        expect(ours.run.statistics.forwards).toBe(theirs.run.statistics.forwards);
      }),
      { numRuns: 200 },
    );
  });

  it('commits what the reference commits', async () => {
    const anySettings = fc
      .record({
        prompt: anyPrompt,
        genLength: fc.integer({ min: 1, max: 20 }),
        sampling: anySampling,
        schedule: fc.constantFrom('ascending', 'ascending', 'uniform', 'descending'),
        order: fc.constantFrom('low_confidence', 'margin', 'random'),
        cfgScale: fc.constantFrom(0, 0, 1.2),
        share: fc.integer({ min: 1, max: 20 }),
        gammas: fc.tuple(
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.double({ min: 0, max: 1, noNaN: true }),
        ),
        usual: fc.boolean(),
      })
      .map(({ gammas, ...rest }) => ({ ...rest, gammas: gammas.toSorted((a, b) => a - b) }));
    let damped = 0;
    await fc.assert(
      fc.asyncProperty(anySettings, async (settings) => {
        const { prompt, genLength, sampling, schedule, order, cfgScale, share, usual } = settings;
        const S = Math.max(1, Math.floor(Math.log2(genLength)));
        const uniform = schedule === 'uniform';
        const total = uniform ? Math.min(share, genLength) : S;
        const blocks = schedule === 'ascending' ? 1 + (share % S) : 1;
        const [gammaMin, gammaMax] = usual ? [uniform ? 0.4 : 0.01, 1] : settings.gammas;

        const quotas: number[] = [];
        for (let left = genLength, step = 0; left > 0; step++) {
          const even = Math.floor(genLength / total) + (step < genLength % total ? 1 : 0);
          const size = uniform ? even : step === S - 1 ? left : 1 << step;
          quotas.push(size);
          left -= size;
        }
        // Blocks from the right: one step each, and the first takes the rest.
        const lengths = quotas.slice(S - blocks + 1);
        const first = genLength - lengths.reduce((sum, length) => sum + length, 0);
        if (schedule === 'descending') quotas.reverse();

        const expected = referenceCanvas(trap, {
          prompt,
          maskId,
          order,
          cfgScale,
          blocks: uniform ? [genLength] : [first, ...lengths],
          ...sampling,
          rule: (openings, { step }) => {
            const u = uniform ? (total > 1 ? step / (total - 1) : 1) : (2 ** (step + 1) - 1) / 2 ** S;
            for (const opening of openings) {
              if (opening.token === eos) opening.confidence *= gammaMin + (gammaMax - gammaMin) * u;
            }
            return surest(openings).slice(0, quotas[step]);
          },
        });
        const methodOptions = {
          schedule,
          order,
          cfgScale,
          ...(uniform ? { steps: total } : { blocks }),
          ...(usual ? {} : { gammaMin, gammaMax }),
        };
        const { steps } = await decode({ prompt, genLength, sampling, methodOptions }, eoserAssCjgrpo, trap);
        expect(trajectory(steps)).toEqual(expected);
        const off = await decode(
          { prompt, genLength, sampling, methodOptions: { ...methodOptions, gammaMin: 1, gammaMax: 1 } },
          eoserAssCjgrpo,
          trap,
        );
        if (JSON.stringify(trajectory(off.steps)) !== JSON.stringify(expected)) damped++;
      }),
      { numRuns: 200 },
    );
    // Or the factor would not be tested at all.
    expect(damped).toBeGreaterThan(40);
  });
});

describe('refuses what cannot be', () => {
  it.each([
    [{ steps: 4 }, 'steps', 'uniform'],
    [{ schedule: 'descending', steps: 4 }, 'steps', 'uniform'],
    [{ blockLength: 4 }, 'blockLength', 'blocks'],
    [{ blocks: 5 }, 'blocks', '4 blocks'],
    [{ blocks: 21 }, 'blocks', 'ascending'],
    [{ blocks: 2, schedule: 'descending' }, 'blocks', 'ascending'],
    [{ blocks: 2, schedule: 'uniform' }, 'blocks', 'blockLength'],
    [{ order: 'origin' }, 'order', 'uniform'],
    [{ order: 'entropy' }, 'gammaMin', 'low_confidence'],
    [{ order: 'origin', schedule: 'uniform' }, 'gammaMin', 'low_confidence'],
    [{ gammaMin: 0.5, gammaMax: 0.4 }, 'gammaMin', 'damped'],
    [{ gammaMax: 0.3, schedule: 'uniform' }, 'gammaMin', 'damped'],
    [{ gammaMin: 1.5 }, 'gammaMin', 'end tokens'],
    [{ schedule: 'uniform', steps: 17 }, 'steps', '16 steps'],
    [{ schedule: 'uniform', blockLength: 4, steps: 6 }, 'steps', 'multiple of 4'],
  ])('%j', async (methodOptions, name, remedy) => {
    const { code, message, hint } = await refusalOf(() => decode({ genLength: 16, methodOptions }));
    expect(code).toBe('bad-option');
    expect(message).toContain(`"${name}"`);
    expect(hint).toContain(remedy);
  });

  it('but not blocks that there is no room for', async () => {
    const { steps } = await decode({ genLength: 5, methodOptions: { genLength: undefined, blocks: 9 } });
    expect(steps.map(({ committed }) => committed.map(({ position }) => position).toSorted())).toEqual([
      [0],
      [1, 2, 3, 4],
    ]);
  });

  it('but not orders without a factor', async () => {
    for (const methodOptions of [
      { order: 'entropy', gammaMin: 1 },
      { order: 'random' },
      { order: 'margin', gammaMin: 0 },
      { blockLength: 16 },
    ]) {
      expect((await decode({ genLength: 16, methodOptions })).steps).toHaveLength(4);
    }
  });
});
