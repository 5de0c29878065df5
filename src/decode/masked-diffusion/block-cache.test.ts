/**
 * K/V reuse within a block: which rows are run, kept and freed, for every canvas method, on a model whose cached rows
 * depend on nothing but their token; there a right cache changes no answer.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decode } from '../loop.ts';
import { defineMethod, type Method, parseMethodOptions } from '../method.ts';
import type { Step } from '../step.ts';
import { canvasLanguage, canvasModel, decodeCanvasTokens, maskingOf } from '../testing/canvas-model.ts';
import { newRun } from '../testing/decode-tokens.ts';
import { ccd } from './ccd.ts';
import { quotaRule } from './commit/quota.ts';
import { creditDecoding } from './credit-decoding.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { diffusion } from './diffusion.ts';
import { eoserAssCjgrpo } from './eoser-ass-cjgrpo.ts';
import { freedave } from './freedave.ts';
import { localleap } from './localleap.ts';
import { canvasOptions } from './options.ts';
import { prophet } from './prophet.ts';
import { refusalOf } from './testing/refusal.ts';

const vocabulary = 8;
const maskId = 0;
const eos = 7;
const language = canvasLanguage(17, vocabulary, maskId);

/** Every canvas method, with options that make it do what it is about. */
const subjects: readonly [unknown, Record<string, unknown>][] = [
  [diffusion, {}],
  [diffusion, { threshold: 0.5 }],
  [diffusion, { cfgScale: 1.2, order: 'margin' }],
  [diffusion, { order: 'origin' }],
  [freedave, { draftSteps: 3 }],
  [freedave, { draftSteps: 4, cfgScale: 0.5, order: 'random' }],
  [prophet, { gapEarly: 6, gapMiddle: 3, gapLate: 1 }],
  [prophet, { gapEarly: 1e6, gapMiddle: 6, gapLate: 6, answerStart: 0, answerLength: 2 }],
  [creditDecoding, { threshold: 0.6 }],
  [ccd, { warmup: 0, contexts: 3 }],
  [eoserAssCjgrpo, { schedule: 'uniform', gammaMin: 0.1 }],
  [localleap, { threshold: 0.6, relaxedThreshold: 0.3, radius: 1 }],
];

const anyRun = fc.record({
  subject: fc.constantFrom(...subjects),
  cache: fc.constantFrom('prefix', 'dual'),
  blockLength: fc.integer({ min: 1, max: 6 }),
  blocks: fc.integer({ min: 1, max: 4 }),
  prompt: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
  temperature: fc.constantFrom(0, 1),
  earlyStop: fc.constantFrom('answer', 'block', 'never'),
  shiftLogits: fc.boolean(),
  seed: fc.nat(1000),
});

type AnyRun = typeof anyRun extends fc.Arbitrary<infer T> ? T : never;

function settingsOf({ subject, cache, blockLength, blocks, prompt, ...run }: AnyRun) {
  const [method, own] = subject as [Method, Record<string, unknown>];
  const { temperature, seed, earlyStop, shiftLogits } = run;
  const genLength = blockLength * blocks;
  const methodOptions = { genLength, blockLength, earlyStop, cache, ...own };
  const sampling = { temperature, seed };
  const limits = { prompt, maskId, shiftLogits, maxTokens: genLength, eosIds: [eos] };
  return { method, options: { ...limits, sampling, methodOptions } };
}

const committed = (steps: readonly Step[]) => steps.flatMap((step) => step.committed);

describe('a block cache on a model of one layer', () => {
  it('changes no answer of any method, and runs fewer rows', async () => {
    let [rows, all] = [0, 0];
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const { method, options } = settingsOf(run);
        const cached = await decodeCanvasTokens(method, language, options);
        const methodOptions = { ...options.methodOptions, cache: 'none' };
        const plain = await decodeCanvasTokens(method, language, { ...options, methodOptions });
        expect(committed(cached.steps)).toEqual(committed(plain.steps));
        expect(cached.run.generated).toEqual(plain.run.generated);
        expect(cached.run.finish).toBe(plain.run.finish);
        if (method.slug === 'freedave') return;
        expect(cached.run.statistics.forwards).toBe(plain.run.statistics.forwards);
        // With shifted logits a block has the row before it, so that one of a short canvas may be no smaller.
        expect(cached.run.statistics.rows).toBeLessThanOrEqual(plain.run.statistics.rows);
        rows += cached.run.statistics.rows;
        all += plain.run.statistics.rows;
      }),
      { numRuns: 300 },
    );
    expect(rows).toBeLessThan(0.8 * all);
  });

  it('runs, reads and keeps the rows of the paper', async () => {
    const settings = fc.record({
      cache: fc.constantFrom('prefix', 'dual'),
      blockLength: fc.integer({ min: 1, max: 6 }),
      blocks: fc.integer({ min: 1, max: 4 }),
      share: fc.integer({ min: 1, max: 6 }),
      promptLength: fc.integer({ min: 1, max: 9 }),
      cfgScale: fc.constantFrom(0, 1),
      shiftLogits: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(settings, async ({ cache, blockLength, blocks, share, promptLength, ...rest }) => {
        const { cfgScale, shiftLogits } = rest;
        const perBlock = Math.min(share, blockLength);
        const genLength = blockLength * blocks;
        const { steps, run } = await decodeCanvasTokens(diffusion, language, {
          prompt: new Array(promptLength).fill(2),
          maskId,
          shiftLogits,
          maxTokens: genLength,
          methodOptions: { genLength, blockLength, steps: perBlock * blocks, cfgScale, cache },
        });
        const groups = cfgScale > 0 ? 2 : 1;
        const all = promptLength + genLength;
        let [kvRead, kvWritten] = [0, 0];
        expect(steps).toHaveLength(perBlock * blocks);
        for (const [index, { rows, slots }] of steps.entries()) {
          const start = Math.floor(index / perBlock) * blockLength;
          const from = promptLength + start - (shiftLogits ? 1 : 0);
          const span = (cache === 'dual' ? promptLength + start + blockLength : all) - from;
          const [isFirst, isLast] = [index % perBlock === 0, (index + 1) % perBlock === 0];
          const outside = groups * (all - span);
          expect(rows).toBe(groups * (isFirst ? all : span));
          expect(slots).toBe(isLast ? 0 : outside);
          if (!isFirst) kvRead += outside;
          if (isFirst && !isLast) kvWritten += outside;
        }
        expect(run.statistics).toMatchObject({ forwards: steps.length, kvRead, kvWritten });
      }),
      { numRuns: 100 },
    );
  });

  it('drops rows of a canvas that is cut within a block', async () => {
    const cutting = (at: number) =>
      defineMethod({
        ...diffusion,
        slug: 'cutting',
        options: z.strictObject(canvasOptions.shape),
        phases: (options, run) =>
          decodeCanvas(run, options, {
            commit: quotaRule(options.blockLength!),
            confidence: ({ positions, confidence }) => confidence.set(positions.map((position) => -position)),
            stop: (_committed, _predictions, { step }) => (step === 5 ? at : undefined),
          }),
      }) as unknown as Method;
    const cuts = [
      { cut: 8, blockLength: 4 },
      { cut: 10, blockLength: 4 },
      { cut: 7, blockLength: 4 },
      { cut: 8, blockLength: 12 },
    ];
    for (const { cut, blockLength } of cuts) {
      for (const shiftLogits of [false, true]) {
        const decodeWith = (cache: string) =>
          decodeCanvasTokens(cutting(cut), language, {
            prompt: [1, 2, 3],
            maskId,
            shiftLogits,
            maxTokens: 12,
            methodOptions: { genLength: 12, blockLength, cache },
          });
        const plain = await decodeWith('none');
        expect(plain.run.generated).toHaveLength(cut);
        for (const cache of ['prefix', 'dual']) {
          const { steps, run } = await decodeWith(cache);
          expect(run.generated).toEqual(plain.run.generated);
          expect(steps[6].rows).toBeLessThan(plain.steps[6].rows);
          expect(steps[5].slots + steps[6].rows).toBe(3 + cut);
        }
      }
    }
  });

  it('refuses drafts beyond a block', async () => {
    const refused = await refusalOf(() =>
      decodeCanvasTokens(freedave, language, {
        prompt: [1],
        maskId,
        maxTokens: 8,
        methodOptions: { eager: true, cache: 'dual' },
      }),
    );
    expect(refused.code).toBe('bad-option');
    expect(refused.message).toContain('eager');
  });
});

describe('the slots of a block cache', () => {
  const leaving = fc.record({
    run: anyRun,
    after: fc.integer({ min: 0, max: 12 }),
    how: fc.constantFrom('leave', 'abort', 'fail'),
  });

  it('are free whenever and however a run ends, and the cache goes on', async () => {
    let inUse = 0;
    await fc.assert(
      fc.asyncProperty(leaving, async ({ run: any, after, how }) => {
        const { method, options } = settingsOf(any);
        const model = canvasModel(language);
        const masking = maskingOf(maskId, { shiftLogits: options.shiftLogits, endIds: [eos] });
        const begin = () => {
          const run = newRun(model.batch.open(), { ...options, masking });
          return { run, phases: method.phases(parseMethodOptions(method, options.methodOptions), run) };
        };
        const controller = new AbortController();
        const reason = new Error('enough');
        let left = after;
        const failing: typeof model.forwardLanes = (...given) => {
          if (how === 'fail' && left === 0) throw reason;
          return model.forwardLanes(...given);
        };
        const started = begin();
        try {
          if (how === 'abort' && left === 0) controller.abort(reason);
          const scorer = { forwardLanes: failing };
          for await (const { slots } of decode(scorer, model.batch, [started], controller.signal)) {
            expect(slots).toBe(model.batch.used);
            inUse += slots;
            left--;
            if (how === 'leave' && left <= 0) break;
            if (how === 'abort' && left === 0) controller.abort(reason);
          }
        } catch (error) {
          expect(error).toBe(reason);
        }
        expect(model.batch.used).toBe(0);

        const again = begin();
        for await (const { canvas, slots } of decode(model, model.batch, [again])) {
          expect(slots).toBeLessThanOrEqual(2 * (options.prompt.length + canvas!.length));
        }
        expect(model.batch.used).toBe(0);
        const alone = await decodeCanvasTokens(method, language, options);
        expect(again.run.generated).toEqual(alone.run.generated);
        expect(again.run.canvas).toEqual(alone.run.canvas);
      }),
      { numRuns: 150 },
    );
    expect(inUse).toBeGreaterThan(0);
  });

  it('are apart in a batch, whose runs begin blocks without the others', async () => {
    const batched = fc.record({
      runs: fc.array(anyRun, { minLength: 2, maxLength: 4 }),
      subject: fc.constantFrom(...subjects),
      cache: fc.constantFrom('prefix', 'dual'),
    });
    let apart = 0;
    await fc.assert(
      fc.asyncProperty(batched, async ({ runs, subject, cache }) => {
        const model = canvasModel(language);
        const settings = runs.map((run) => settingsOf({ ...run, shiftLogits: false, subject, cache }));
        const decoders = settings.map(({ method, options }, request) => {
          const masking = maskingOf(maskId, { endIds: [eos] });
          const run = newRun(model.batch.open(), { ...options, masking, request });
          return { run, phases: method.phases(parseMethodOptions(method, options.methodOptions), run) };
        });
        let forwards = 0;
        const forwardLanes: typeof model.forwardLanes = (lanes, given) => {
          forwards++;
          const begin = lanes.flatMap(({ groups }) => groups.map(({ sequence }) => sequence.length === 0));
          expect(new Set(begin).size).toBe(1);
          return model.forwardLanes(lanes, given);
        };
        for await (const _ of decode({ forwardLanes }, model.batch, decoders));
        apart += forwards - Math.max(...decoders.map(({ run }) => run.statistics.forwards));
        for (const [i, { method, options }] of settings.entries()) {
          const alone = await decodeCanvasTokens(method, language, options);
          expect(decoders[i].run.generated).toEqual(alone.run.generated);
          const { forwards, rows, kvRead, kvWritten } = alone.run.statistics;
          expect(decoders[i].run.statistics).toMatchObject({ forwards, rows, kvRead, kvWritten });
        }
        expect(model.batch.used).toBe(0);
      }),
      { numRuns: 60 },
    );
    expect(apart).toBeGreaterThan(0);
  });
});
