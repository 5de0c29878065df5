/** Learn2PD: against a plain reference, and what it comes to with filters that always say the same. */

import { rm } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type CanvasLogits,
  type CanvasSettings,
  canvasLanguage,
  decodeSettings,
  trajectory,
} from '../testing/canvas-model.ts';
import { type FilterChoice, savedFilter, someFilter } from '../testing/filters.ts';
import { softmaxOf } from '../testing/reference-canvas.ts';
import { blockConfidences, type ConfidenceFilter, filterShapes } from './confidence-filter.ts';
import { diffusion } from './diffusion.ts';
import { learn2pd } from './learn2pd.ts';
import { refusalOf } from './testing/refusal.ts';

const vocabulary = 8;
const maskId = 0;
const eos = 7;
const blockLength = 4;

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));
async function saved(choice: Partial<FilterChoice> = {}): Promise<string> {
  const folder = await savedFilter({ blockLength, ...choice });
  folders.push(folder);
  return folder;
}
const seeds = [1, 2, 3, 4];
const random = await Promise.all(seeds.map((seed) => saved({ seed })));
const never = await saved({ bias: -60 });
const always = await saved({ bias: 60 });

const decode = (on: CanvasLogits, settings: CanvasSettings, method: unknown = learn2pd) =>
  decodeSettings(method, on, settings);

/** A language that has said its end tokens from some position on, the surer the closer to the end of the canvas. */
const endingAt =
  (language: CanvasLogits, from: number, sureness: number): CanvasLogits =>
  (tokens, position) => {
    const logits = language(tokens, position);
    if (position >= from) logits[eos] += sureness + position / 50;
    return logits;
  };

const anySettings = fc.record({
  language: fc.nat(1000),
  genLength: fc.integer({ min: 1, max: 14 }),
  from: fc.integer({ min: 4, max: 20 }),
  sureness: fc.constantFrom(0, 3, 8),
  temperature: fc.constantFrom(0, 0, 1),
});

describe('without what it is about', () => {
  const plain = { blockLength };
  const without = [
    ['tau 1', { tau: 1 }],
    ['a filter that accepts nothing', { filter: never }],
    ['end tokens never predicted and a filter that accepts nothing', { filter: never, eotp: 'any' }],
  ] as const;

  it.each(without)('is diffusion, one token a step: %s', async (_name, own) => {
    const banned = 'eotp' in own ? { logitsEosInf: true } : {};
    await fc.assert(
      fc.asyncProperty(anySettings, async ({ language, genLength, from, sureness, temperature }) => {
        const on = endingAt(canvasLanguage(language, vocabulary, maskId), from, sureness);
        const common = { genLength, eosIds: [eos], sampling: { temperature, seed: language } };
        // A canvas that blocks do not divide is fitted, not asked for.
        const canvas = { ...banned, genLength: undefined, ...plain };
        const expected = await decode(on, { ...common, methodOptions: canvas }, diffusion);
        const methodOptions = { eotp: 'off', ...canvas, ...own };
        const { steps, run } = await decode(on, { ...common, methodOptions });
        expect(trajectory(steps)).toEqual(trajectory(expected.steps));
        expect(run.statistics.rows).toBe(expected.run.statistics.rows);
        expect(run.generated).toEqual(expected.run.generated);
      }),
      { numRuns: 70, seed: 2 },
    );
  });

  it('takes a block a step with a filter that accepts all', async () => {
    const on = canvasLanguage(5, vocabulary, maskId);
    const { steps } = await decode(on, {
      genLength: 12,
      methodOptions: { blockLength, filter: always, eotp: 'off' },
    });
    expect(steps.map(({ committed }) => committed.length)).toEqual([4, 4, 4]);
  });
});

/** The decoding of the paper's code once more, with plain arrays and whole logits, at temperature 0. */
function reference(
  language: CanvasLogits,
  filter: ConfidenceFilter,
  o: { prompt: number[]; genLength: number; tau: number; eotp: string; least: number },
) {
  const weights = (name: string) => Array.from(filter.weights.get(name)!);
  const layer = (name: string, x: number[]) =>
    weights(`${name}.bias`).map((bias, row) =>
      x.reduce(
        (sum, value, column) => sum + weights(`${name}.weight`)[row * x.length + column] * value,
        bias,
      ),
    );
  const accepts = (confidence: number[]) =>
    layer(
      'output',
      layer('hidden', confidence).map((value) => Math.max(value, 0)),
    ).map((logit) => 1 / (1 + Math.exp(-logit)) > o.tau);
  let canvas = new Array<number>(o.genLength).fill(maskId);
  const open = new Set(canvas.keys());
  const steps: [number, number][][] = [];
  const cuts = { filter: 0, other: 0 };
  let before: number[] = [];
  for (let start = 0; start < canvas.length; start += blockLength) {
    const end = start + blockLength;
    for (;;) {
      const masked = [...open].sort((a, b) => a - b);
      const inBlock = masked.filter((position) => position < end);
      if (inBlock.length === 0) break;
      const rows = canvas.map((_, position) => {
        const p = softmaxOf(language([...o.prompt, ...canvas], o.prompt.length + position));
        const confidence = Math.max(...p);
        return { token: p.indexOf(confidence), confidence };
      });
      const confidence = Array.from({ length: blockLength }, (_, i) => rows[start + i]?.confidence ?? 1);
      const verdicts = accepts(confidence);
      const accepted = inBlock.filter((position) => verdicts[position - start]);
      const bySureness = (positions: number[]) =>
        positions.toSorted((a, b) => rows[b].confidence - rows[a].confidence || a - b);
      const chosen = bySureness([...new Set([...accepted, bySureness(inBlock)[0]])]);
      for (const position of chosen) {
        canvas[position] = rows[position].token;
        open.delete(position);
      }
      steps.push(chosen.map((position) => [position, rows[position].token]));
      const ends = masked.filter((position) => rows[position].token === eos);
      const known = before;
      before = ends;
      const guards: Record<string, (position: number) => boolean> = {
        off: () => false,
        any: () => true,
        confidence: (position) => rows[position].confidence >= o.least,
        persistence: (position) => known.includes(position),
      };
      const final = o.eotp === 'off' ? undefined : ends.find((position) => accepted.includes(position));
      const cut = final ?? bySureness(ends.filter(guards[o.eotp]))[0];
      if (cut === undefined || cut + 1 >= canvas.length) continue;
      cuts[final === undefined ? 'other' : 'filter']++;
      canvas = canvas.slice(0, cut + 1);
      for (const position of open) if (position > cut) open.delete(position);
    }
  }
  return { steps, cuts, length: canvas.length };
}

describe('with a filter', () => {
  it('decodes as the plain reference does, and keeps its promises', async () => {
    const cuts = { filter: 0, other: 0, parallel: 0 };
    await fc.assert(
      fc.asyncProperty(
        anySettings,
        fc.record({
          filter: fc.nat(random.length - 1),
          tau: fc.constantFrom(0.1, 0.5, 0.9),
          eotp: fc.constantFrom('off', 'any', 'confidence', 'persistence'),
          least: fc.constantFrom(0.3, 0.9),
        }),
        async ({ language, genLength, from, sureness }, { filter, tau, eotp, least }) => {
          const on = endingAt(canvasLanguage(language, vocabulary, maskId), from, sureness);
          const prompt = [1, 2, 3];
          const expected = reference(on, someFilter({ blockLength, seed: seeds[filter] }), {
            prompt,
            genLength,
            tau,
            eotp,
            least,
          });
          // Every position is decoded, also behind the end of the answer, as in the reference.
          const own = { blockLength, genLength: undefined, earlyStop: 'never' };
          const methodOptions = { ...own, filter: random[filter], tau, eotp, endConfidence: least };
          const { steps, run, forwards } = await decode(on, {
            prompt,
            genLength,
            eosIds: [eos],
            methodOptions,
          });
          expect(trajectory(steps)).toEqual(expected.steps);
          cuts.filter += expected.cuts.filter;
          cuts.other += expected.cuts.other;
          cuts.parallel += expected.steps.filter(({ length }) => length > 1).length;
          const lengths = [genLength, ...steps.map(({ canvas }) => canvas!.length)];
          expect(lengths).toEqual(lengths.toSorted((a, b) => b - a));
          expect(lengths.at(-1)).toBe(expected.length);
          for (const { committed } of steps) expect(committed.length).toBeGreaterThan(0);
          expect(run.statistics.forwards).toBeLessThanOrEqual(genLength);
          for (const [{ tokens, scored }] of forwards)
            for (const row of Array.from(scored)) expect(row).toBeLessThan(tokens.length);
          // What is cut off is not run through the model either.
          expect(forwards.map(([{ tokens }]) => tokens.length - prompt.length)).toEqual(lengths.slice(0, -1));
        },
      ),
      { numRuns: 200, seed: 6 },
    );
    for (const count of Object.values(cuts)) expect(count).toBeGreaterThan(20);
  });

  it('takes the tau that the filter was saved with', async () => {
    const on = canvasLanguage(3, vocabulary, maskId);
    const filter = await saved({ seed: 2, tau: 0.2 });
    const run = async (methodOptions: object) =>
      trajectory(
        (await decode(on, { genLength: 12, methodOptions: { blockLength, filter, ...methodOptions } })).steps,
      );
    expect(await run({})).toEqual(await run({ tau: 0.2 }));
    expect(await run({})).not.toEqual(await run({ tau: 0.99 }));
  });

  it('cuts nothing when the run goes on past end tokens', async () => {
    const on = endingAt(canvasLanguage(3, vocabulary, maskId), 5, 8);
    const { run } = await decode(on, { genLength: 12, methodOptions: { blockLength, filter: always } });
    expect(run.canvas).toHaveLength(12);
  });
});

describe('the confidences of a block', () => {
  it('are those of its places, and 1 where it is cut short', () => {
    const predictions = { positions: [4, 5, 6, 9], confidence: Float64Array.of(0.1, 0.2, 0.3, 0.4) };
    const block = { index: 1, start: 4, end: 7 };
    expect([...blockConfidences(predictions, block, 5)]).toEqual([0.1, 0.2, 0.3, 1, 1]);
  });

  it('go through 2,112 weights for 32 positions', () => {
    const sizes = [...filterShapes({ blockLength: 32, hiddenSize: 32 }).values()];
    expect(sizes.map((shape) => shape.reduce((a, b) => a * b)).reduce((a, b) => a + b)).toBe(2112);
  });
});

describe('what it refuses', () => {
  const start = (filter: string, methodOptions: object) =>
    refusalOf(() =>
      decode(canvasLanguage(1, vocabulary, maskId), {
        genLength: 12,
        methodOptions: { filter, ...methodOptions },
      }),
    );

  it('blocks of another length', async () => {
    const { code, message, hint } = await start(random[0], { blockLength: 6 });
    expect([code, message]).toEqual(['bad-option', expect.stringContaining('"filter"')]);
    expect(hint).toContain('blockLength 4');
    expect((await start(random[0], { blockLength: 0 })).code).toBe('bad-option');
    expect((await start(random[0], { blockLength: 3 })).code).toBe('bad-option');
  });

  it('no canvas for being shorter than a block', async () => {
    const on = canvasLanguage(1, vocabulary, maskId);
    const { run } = await decode(on, { genLength: 3, methodOptions: { filter: random[0] } });
    expect(run.generated).toHaveLength(3);
  });

  it.each([{ maskTokenId: 5 }, { shiftLogits: true }])('a filter of another model: %j', async (facts) => {
    const filter = await saved({ ...facts, model: 'some-other' });
    expect(await start(filter, { blockLength })).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('some-other'),
    });
  });

  it('a filter that is not there', async () => {
    expect(await start('no-such-filter', { blockLength })).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('no-such-filter'),
    });
  });

  it('an order, which would change what confidence is', async () => {
    expect((await start(random[0], { blockLength, order: 'margin' })).code).toBe('bad-option');
  });
});
