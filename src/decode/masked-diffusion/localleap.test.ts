/** LocalLeap: its rule on given confidences, a plain reference, and what it comes to without anchors or neighbours. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CanvasLogits,
  type CanvasSettings,
  canvasLanguage,
  decodeSettings,
  trajectory,
} from '../testing/canvas-model.ts';
import { type Opening, referenceCanvas, surest } from '../testing/reference-canvas.ts';
import { barAt, type LocalLeap, localLeapRule } from './commit/local-leap.ts';
import { thresholdRule } from './commit/threshold.ts';
import { creditDecoding } from './credit-decoding.ts';
import { diffusion } from './diffusion.ts';
import { localleap } from './localleap.ts';
import type { CanvasView, Predictions } from './parts.ts';
import { refusalOf } from './testing/refusal.ts';

const vocabulary = 8;
const maskId = 0;
const eos = 7;
const language = canvasLanguage(9, vocabulary, maskId, 4);

const decode = (settings: CanvasSettings, method: unknown = localleap, on: CanvasLogits = language) =>
  decodeSettings(method, on, settings);

const predictionsOf = (confidence: readonly number[], candidates: readonly number[], tokens?: number[]) =>
  ({
    positions: confidence.map((_, index) => index + 3),
    candidates,
    confidence: Float64Array.from(confidence),
    tokens: Int32Array.from(tokens ?? confidence.map(() => 1)),
  }) as unknown as Predictions;

const anyLeap = fc.record<LocalLeap>({
  threshold: fc.constantFrom(0.5, 0.8, 0.9, 1, 1.2),
  relaxed: fc.constantFrom(0, 0.3, 0.6, 0.75, 0.95),
  radius: fc.integer({ min: 0, max: 5 }),
  decay: fc.boolean(),
  weak: fc.constantFrom([], [1], [1, 2]),
});

const anyConfidence = fc.array(fc.constantFrom(0, 0.3, 0.31, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 1), {
  minLength: 1,
  maxLength: 14,
});

const view = {} as CanvasView;

describe('the rule', () => {
  const usual: LocalLeap = { threshold: 0.9, relaxed: 0.75, radius: 4, decay: false, weak: [] };
  const commits = (
    leap: LocalLeap,
    confidence: readonly number[],
    candidates?: number[],
    tokens?: number[],
  ) =>
    [
      ...localLeapRule(leap)(predictionsOf(confidence, candidates ?? [...confidence.keys()], tokens), view),
    ].toSorted((a, b) => a - b);

  it('relaxes within the radius of an anchor, both ends included, and nowhere else', () => {
    const confidence = [0.8, 0.8, 0.1, 0.75, 0.74, 0.95, 0.1, 0.8, 0.1, 0.75, 0.8];
    expect(commits(usual, confidence)).toEqual([1, 3, 5, 7, 9]);
    expect(commits({ ...usual, radius: 2 }, confidence)).toEqual([3, 5, 7]);
    expect(commits({ ...usual, radius: 0 }, confidence)).toEqual([5]);
  });

  it('does not chain: what is committed by the lower bar is no anchor in the same step', () => {
    expect(commits({ ...usual, radius: 1 }, [0.9, 0.8, 0.8, 0.8])).toEqual([0, 1]);
  });

  it('commits the surest when nothing passes, without relaxing around it', () => {
    expect(commits(usual, [0.7, 0.89, 0.88, 0.89])).toEqual([1]);
  });

  it('takes anchors from the candidates only', () => {
    expect(commits(usual, [0.99, 0.8, 0.2], [1, 2])).toEqual([1]);
  });

  it('takes no weak tokens for anchors, but commits them as others', () => {
    const tokens = [5, eos, eos, 5];
    expect(commits(usual, [0.8, 0.95, 0.8, 0.5], undefined, tokens)).toEqual([0, 1, 2]);
    expect(commits({ ...usual, weak: [eos] }, [0.8, 0.95, 0.8, 0.5], undefined, tokens)).toEqual([1]);
  });

  it('raises the bar evenly with decay', () => {
    const leap = { ...usual, threshold: 1, relaxed: 0.5, radius: 5, decay: true };
    const bars = [0, 1, 2, 3, 4, 5, 6, 7].map((distance) => barAt(leap, distance));
    expect(bars).toEqual([1, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1]);
    expect(barAt(usual, Number.POSITIVE_INFINITY)).toBe(0.9);
  });

  it('commits more than the threshold and no more than the relaxed threshold, on the same predictions', () => {
    fc.assert(
      fc.property(
        anyLeap,
        anyConfidence,
        fc.infiniteStream(fc.constantFrom(1, 2, 3)),
        (leap, confidence, stream) => {
          const tokens = confidence.map(() => stream.next().value as number);
          const ours = commits(leap, confidence, undefined, tokens);
          const all = predictionsOf(confidence, [...confidence.keys()], tokens);
          expect(ours).toEqual(expect.arrayContaining([...thresholdRule(leap.threshold)(all, view)]));
          const relaxed = thresholdRule(Math.min(leap.relaxed, leap.threshold))(all, view);
          expect(relaxed).toEqual(expect.arrayContaining(ours));
          expect(ours.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});

const anyPrompt = fc.array(fc.integer({ min: 1, max: eos }), { minLength: 1, maxLength: 5 });

const anySettings = fc
  .record({
    prompt: anyPrompt,
    blockLength: fc.integer({ min: 1, max: 10 }),
    blocks: fc.integer({ min: 1, max: 3 }),
    order: fc.constantFrom('low_confidence', 'low_confidence', 'margin'),
    temperature: fc.constantFrom(0, 0, 0.6),
    seed: fc.nat(1000),
    cfgScale: fc.constantFrom(0, 0, 1.1),
    threshold: fc.constantFrom(0.6, 0.8, 0.9, 0.97),
  })
  .map(({ blockLength, blocks, temperature, seed, prompt, ...rest }) => ({
    prompt,
    genLength: blockLength * blocks,
    sampling: { temperature, seed },
    methodOptions: { blockLength, ...rest },
  }));

describe('over random prompts and options', () => {
  it('is threshold decoding without neighbours or with nothing to relax', async () => {
    const degenerate = fc.constantFrom<(threshold: number) => Record<string, unknown>>(
      () => ({ radius: 0 }),
      (threshold) => ({ relaxedThreshold: threshold }),
      () => ({ relaxedThreshold: 1.5, radius: 8 }),
      () => ({ radius: 0, decay: 'linear', relaxedThreshold: 0 }),
    );
    await fc.assert(
      fc.asyncProperty(
        anySettings,
        degenerate,
        fc.constantFrom('answer', 'block', 'never'),
        async ({ methodOptions, ...settings }, off, earlyStop) => {
          const common = { ...methodOptions, earlyStop };
          const own = { ...common, ...off(methodOptions.threshold) };
          const ours = await decode({ ...settings, eosIds: [eos], methodOptions: own });
          const theirs = await decode({ ...settings, eosIds: [eos], methodOptions: common }, diffusion);
          expect(trajectory(ours.steps)).toEqual(trajectory(theirs.steps));
          expect(ours.run.finish).toBe(theirs.run.finish);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is one token a step without anchors', async () => {
    await fc.assert(
      fc.asyncProperty(anySettings, async ({ methodOptions, ...settings }) => {
        const { threshold, ...common } = methodOptions;
        expect(threshold).toBeLessThan(1);
        const own = { ...common, threshold: 1.5, relaxedThreshold: 0.1, radius: 9 };
        const ours = await decode({ ...settings, methodOptions: own });
        const theirs = await decode({ ...settings, methodOptions: common }, diffusion);
        expect(trajectory(ours.steps)).toEqual(trajectory(theirs.steps));
        expect(ours.steps).toHaveLength(settings.genLength);
      }),
      { numRuns: 50 },
    );
  });

  it('commits what the reference commits, every position once', async () => {
    let leaps = 0;
    await fc.assert(
      fc.asyncProperty(
        anySettings,
        fc.record({
          relaxedThreshold: fc.constantFrom(0.3, 0.5, 0.75, 0.9),
          radius: fc.integer({ min: 1, max: 6 }),
          decay: fc.constantFrom('none', 'linear'),
          endTokens: fc.constantFrom('anchor', 'plain'),
        }),
        async ({ prompt, genLength, sampling, methodOptions }, leap) => {
          const { blockLength, order, cfgScale, threshold } = methodOptions;
          /** The bar of each position, written into a line that is as long as the canvas. */
          function rule(openings: Opening[]): Opening[] {
            const line = new Array<number>(genLength).fill(threshold);
            for (const { position, token, confidence } of openings) {
              if (confidence < threshold || (leap.endTokens === 'plain' && token === eos)) continue;
              const [low, high] = [
                Math.max(0, position - leap.radius),
                Math.min(genLength - 1, position + leap.radius),
              ];
              for (let near = low; near <= high; near++) {
                const away = Math.abs(near - position) - 1;
                const rise =
                  leap.decay === 'linear' ? (threshold - leap.relaxedThreshold) * (away / leap.radius) : 0;
                const bar = leap.relaxedThreshold + rise;
                if (near !== position) line[near] = Math.min(line[near], bar);
              }
            }
            const order = surest(openings);
            const passed = order.filter((opening) => opening.confidence >= line[opening.position]);
            if (passed.some(({ confidence }) => confidence < threshold)) leaps++;
            return passed.length > 0 ? passed : order.slice(0, 1);
          }
          const expected = referenceCanvas(language, {
            prompt,
            maskId,
            order,
            cfgScale,
            blocks: new Array(genLength / blockLength).fill(blockLength),
            ...sampling,
            rule,
          });
          const { steps, run } = await decode({
            prompt,
            genLength,
            sampling,
            eosIds: [eos],
            methodOptions: { ...methodOptions, ...leap, earlyStop: 'never' },
          });
          expect(trajectory(steps)).toEqual(expected);
          expect(run.statistics.forwards).toBeLessThanOrEqual(genLength);
          const positions = expected.flat().map(([position]) => position);
          expect(positions.toSorted((a, b) => a - b)).toEqual([...positions.keys()]);
        },
      ),
      { numRuns: 200 },
    );
    expect(leaps).toBeGreaterThan(100);
  });

  it('takes fewer forwards on average the larger the radius, and fewer than one threshold', async () => {
    const forwards = async (methodOptions: Record<string, unknown>, method?: typeof diffusion) => {
      let total = 0;
      for (let seed = 0; seed < 30; seed++) {
        const settings = { genLength: 32, prompt: [1 + (seed % 7), 1 + (seed % 5)], methodOptions };
        total += (await decode(settings, method)).run.statistics.forwards;
      }
      return total;
    };
    const counts: number[] = [await forwards({ threshold: 0.9 }, diffusion)];
    for (const radius of [1, 4, 16]) counts.push(await forwards({ radius, relaxedThreshold: 0.6 }));
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(counts[2]).toBeLessThan(counts[0]);
  });
});

describe('with trace credit', () => {
  it('weighs nothing by default, and takes fewer forwards with a weight', async () => {
    let [without, with_] = [0, 0];
    for (let seed = 0; seed < 20; seed++) {
      const settings = { genLength: 24, prompt: [1 + (seed % 7), 1 + (seed % 5)] };
      const plain = await decode(settings);
      const zero = await decode({ ...settings, methodOptions: { creditWeight: 0 } });
      expect(trajectory(zero.steps)).toEqual(trajectory(plain.steps));
      without += plain.run.statistics.forwards;
      with_ += (await decode({ ...settings, methodOptions: { creditWeight: 2 } })).run.statistics.forwards;
    }
    expect(with_).toBeLessThan(without);
  });

  it('is credit decoding without neighbours', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const settings = { genLength: 16, prompt: [1 + (seed % 7)], sampling: { temperature: seed % 2, seed } };
      const credit = { creditWeight: 0.7, blockLength: 8 };
      const ours = await decode({ ...settings, methodOptions: { ...credit, radius: 0 } });
      const theirs = await decode({ ...settings, methodOptions: credit }, creditDecoding as never);
      expect(trajectory(ours.steps)).toEqual(trajectory(theirs.steps));
    }
  });
});

describe('refuses what cannot be', () => {
  it.each([
    [{ order: 'entropy' }, 'threshold', 'low_confidence'],
    [{ order: 'random' }, 'threshold', 'low_confidence'],
    [{ order: 'origin' }, 'threshold', 'low_confidence'],
    [{ radius: -1 }, 'radius', 'anchor'],
    [{ radius: 1.5 }, 'radius', 'anchor'],
    [{ threshold: 3 }, 'threshold', 'anchors'],
    [{ relaxedThreshold: -0.1 }, 'relaxedThreshold', 'anchor'],
    [{ decay: 'fast' }, 'decay', 'distance'],
    [{ steps: 4 }, 'steps', 'radius'],
    [{ blockLength: 5 }, 'genLength', 'genLength 20'],
  ])('%j', async (methodOptions, name, remedy) => {
    const { code, message, hint } = await refusalOf(() => decode({ genLength: 16, methodOptions }));
    expect(code).toBe('bad-option');
    expect(message).toContain(`"${name}"`);
    expect(hint).toContain(remedy);
  });
});
