/** Prophet against the trajectories of its baseline: where it exits is worked out here, from the canvases alone. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CanvasLogits,
  canvasLanguage,
  decodeCanvasTokens,
  trajectory,
} from '../testing/canvas-model.ts';
import { creditDecoding } from './credit-decoding.ts';
import { diffusion } from './diffusion.ts';
import { prophet } from './prophet.ts';

const vocabulary = 6;
const maskId = 0;
const eos = 5;
const never = { gapEarly: 1e6, gapMiddle: 1e6, gapLate: 1e6 };

const anyRun = fc
  .record({
    language: fc.nat(1e6),
    prompt: fc.array(fc.integer({ min: 1, max: vocabulary - 1 }), { minLength: 1, maxLength: 4 }),
    blockLength: fc.integer({ min: 1, max: 6 }),
    blocks: fc.integer({ min: 1, max: 3 }),
    share: fc.integer({ min: 1, max: 6 }),
    parallel: fc.constantFrom<object | undefined>(undefined, undefined, { threshold: 0.6 }, { factor: 1 }),
    order: fc.constantFrom('low_confidence', 'entropy', 'margin', 'random', 'origin'),
    earlyStop: fc.constantFrom('answer', 'block', 'never'),
    temperature: fc.constantFrom(0, 1),
    cfgScale: fc.constantFrom(0, 0, 1),
    seed: fc.nat(1000),
    ends: fc.boolean(),
    gaps: fc.tuple(
      fc.double({ min: 0, max: 6, noNaN: true }),
      fc.double({ min: 0, max: 5, noNaN: true }),
      fc.double({ min: 0, max: 4, noNaN: true }),
    ),
    gapOf: fc.constantFrom<'mean' | 'min'>('mean', 'min'),
    region: fc.option(fc.record({ start: fc.nat(17), length: fc.integer({ min: 1, max: 8 }) }), {
      nil: undefined,
    }),
  })
  .map(
    ({
      blockLength,
      blocks,
      share,
      parallel,
      order,
      earlyStop,
      cfgScale,
      region,
      temperature,
      seed,
      ends,
      ...rest
    }) => {
      const genLength = blockLength * blocks;
      const steps = Math.min(share, blockLength) * blocks;
      return {
        ...rest,
        genLength,
        steps,
        parallel,
        cfgScale,
        region: region && { start: region.start % genLength, length: region.length },
        common: { maskId, maxTokens: genLength, sampling: { temperature, seed }, eosIds: ends ? [eos] : [] },
        base: { genLength, blockLength, cfgScale, earlyStop, ...(parallel ?? { order, steps }) },
      };
    },
  );

type AnyRun = typeof anyRun extends fc.Arbitrary<infer T> ? T : never;

const watching = ({ gapOf, region }: AnyRun) => ({
  gapOf,
  ...(region && { answerStart: region.start, answerLength: region.length }),
});

const barsOf = ([gapEarly, gapMiddle, gapLate]: readonly number[], scale = 1) => ({
  gapEarly: scale * gapEarly,
  gapMiddle: scale * gapMiddle,
  gapLate: scale * gapLate,
});

/** The step (from 1) in which the rule of the paper fires on these canvases, undefined if it does not. */
function exitOf(
  language: CanvasLogits,
  run: AnyRun,
  canvases: readonly (readonly number[])[],
): number | undefined {
  const { prompt, genLength, cfgScale, gaps: bars, gapOf, region, parallel, steps } = run;
  for (const [index, canvas] of canvases.entries()) {
    const fed = canvas.map((token) => (token === -1 ? maskId : token));
    const gaps: number[] = [];
    for (let position = 0; position < canvas.length; position++) {
      const inRegion = region && position >= region.start && position < region.start + region.length;
      if (region ? !inRegion : canvas[position] !== -1) continue;
      let logits = language([...prompt, ...fed], prompt.length + position);
      if (cfgScale > 0) {
        const without = language([...prompt.map(() => maskId), ...fed], prompt.length + position);
        logits = logits.map((logit, v) => without[v] + (cfgScale + 1) * (logit - without[v]));
      }
      const [first, second] = Array.from(logits).sort((a, b) => b - a);
      gaps.push(first - second);
    }
    if (gaps.length === 0) continue;
    const masks = canvas.filter((token) => token === -1).length;
    const progress = parallel ? (genLength - masks) / genLength : (index + 1) / steps;
    const bar = bars[progress < 0.33 ? 0 : progress < 0.67 ? 1 : 2];
    const gap = gapOf === 'min' ? Math.min(...gaps) : gaps.reduce((sum, x) => sum + x, 0) / gaps.length;
    if (gap >= bar) return index + 1;
  }
  return undefined;
}

describe('prophet', () => {
  it('is its baseline with bars that are never reached', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const language = canvasLanguage(run.language, vocabulary, maskId);
        const { prompt, common, base } = run;
        const plain = await decodeCanvasTokens(diffusion, language, {
          prompt,
          ...common,
          methodOptions: base,
        });
        const { steps } = await decodeCanvasTokens(prophet, language, {
          prompt,
          ...common,
          methodOptions: { ...base, ...never, ...watching(run) },
        });
        expect(steps.map(({ committed, text }) => [committed, text])).toEqual(
          plain.steps.map(({ committed, text }) => [committed, text]),
        );
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it('exits where the rule says, and is its baseline until then', async () => {
    const exits = { early: 0, late: 0, never: 0 };
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const language = canvasLanguage(run.language, vocabulary, maskId);
        const { prompt, common, base, genLength } = run;
        const plain = await decodeCanvasTokens(diffusion, language, {
          prompt,
          ...common,
          methodOptions: base,
        });
        const { steps, run: state } = await decodeCanvasTokens(prophet, language, {
          prompt,
          ...common,
          methodOptions: { ...base, ...barsOf(run.gaps), ...watching(run) },
        });
        const canvases = [new Array<number>(genLength).fill(-1), ...plain.steps.map(({ canvas }) => canvas!)];
        const exit = exitOf(language, run, canvases.slice(0, plain.steps.length));
        expect(state.statistics.forwards).toBe(exit ?? plain.steps.length);
        const before = steps.slice(0, exit === undefined ? undefined : exit - 1);
        expect(trajectory(before)).toEqual(trajectory(plain.steps).slice(0, before.length));
        if (exit === undefined) exits.never++;
        else {
          expect(steps[exit - 1].canvas).not.toContain(-1);
          exits[exit < plain.steps.length ? 'early' : 'late']++;
        }
        expect(steps.at(-1)!.finish).toBeDefined();
      }),
      { numRuns: 200, seed: 5 },
    );
    expect(Math.min(exits.early, exits.never)).toBeGreaterThan(3);
  });

  it('is one forward and the first predictions with bars of 0', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const language = canvasLanguage(seed, vocabulary, maskId);
      const { run } = await decodeCanvasTokens(prophet, language, {
        prompt: [1, 2],
        maskId,
        maxTokens: 12,
        methodOptions: { genLength: 12, blockLength: 4, gapEarly: 0 },
      });
      expect(run.statistics.forwards).toBe(1);
      const text = [1, 2, ...new Array<number>(12).fill(maskId)];
      const first = Array.from({ length: 12 }, (_, i) => {
        const logits = language(text, 2 + i);
        return logits.indexOf(Math.max(...logits));
      });
      expect(run.generated).toEqual(first);
    }
  });

  it('takes no fewer forwards with higher bars, prompt by prompt', async () => {
    for (let seed = 0; seed < 15; seed++) {
      const counts: number[] = [];
      for (const scale of [0, 0.25, 0.5, 1, 2, 1e4]) {
        const { run } = await decodeCanvasTokens(prophet, canvasLanguage(seed, vocabulary, maskId), {
          prompt: [1, 2],
          maskId,
          maxTokens: 12,
          methodOptions: { genLength: 12, blockLength: 6, ...barsOf([4, 3, 2], scale) },
        });
        counts.push(run.statistics.forwards);
      }
      expect(counts).toEqual(counts.toSorted((a, b) => a - b));
      expect([counts[0], counts[5]]).toEqual([1, 12]);
    }
  });

  it('ends the text at an end token among what it fills in', async () => {
    const language: CanvasLogits = (_, position) =>
      Float32Array.from({ length: vocabulary }, (_, token) => (token === (position < 4 ? 2 : eos) ? 20 : 0));
    const { run, steps } = await decodeCanvasTokens(prophet, language, {
      prompt: [1],
      maskId,
      maxTokens: 10,
      eosIds: [eos],
      methodOptions: { blockLength: 2 },
    });
    expect([run.finish, run.generated, steps.length]).toEqual(['eos', [2, 2, 2, eos], 1]);
  });
});

describe('prophet with credit', () => {
  it('is credit decoding with bars that are never reached, and until it exits', async () => {
    let exits = 0;
    for (let seed = 0; seed < 40; seed++) {
      const language = canvasLanguage(seed, vocabulary, maskId);
      const base = { genLength: 12, blockLength: 6, threshold: 0.8, creditWeight: 1 };
      const options = { prompt: [1, 2], maskId, maxTokens: 12, sampling: { temperature: seed % 2, seed } };
      const decode = (method: typeof prophet, methodOptions: object) =>
        decodeCanvasTokens(method, language, { ...options, methodOptions: { ...base, ...methodOptions } });
      const credit = await decode(creditDecoding as unknown as typeof prophet, {});
      const open = await decode(prophet, never);
      expect(trajectory(open.steps)).toEqual(trajectory(credit.steps));
      const both = await decode(prophet, barsOf([3, 2.5, 2]));
      const before = both.steps.slice(0, -1);
      expect(trajectory(before)).toEqual(trajectory(credit.steps).slice(0, before.length));
      if (both.steps.length < credit.steps.length) exits++;
    }
    expect(exits).toBeGreaterThan(5);
  });
});

describe('what prophet refuses', () => {
  it.each([
    [{ answerLength: 3 }, 'answerLength'],
    [{ answerStart: 12 }, 'answerStart'],
    [{ threshold: 0.9, order: 'random' }, 'threshold'],
    [{ threshold: 0.9, steps: 12 }, 'steps'],
    [{ gapEarly: -1 }, 'gapEarly'],
  ])('%j', async (methodOptions, name) => {
    const start = () =>
      decodeCanvasTokens(prophet, canvasLanguage(1, vocabulary, maskId), {
        prompt: [1],
        maskId,
        maxTokens: 12,
        methodOptions: { genLength: 12, blockLength: 12, ...methodOptions },
      });
    await expect(start()).rejects.toMatchObject({
      code: 'bad-option',
      message: expect.stringContaining(name),
      hint: expect.stringMatching(/\S/),
    });
  });
});
