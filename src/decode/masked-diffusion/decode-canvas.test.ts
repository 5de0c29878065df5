/** Decoding on a canvas: what holds for any commit rule, and what each part of a method may rely on. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineMethod } from '../method.ts';
import type { SamplingInput } from '../sampling/options.ts';
import type { Step } from '../step.ts';
import { canvasLanguage, decodeCanvasTokens, trajectory } from '../testing/canvas-model.ts';
import { quota, quotaRule } from './commit/quota.ts';
import { ranked } from './commit/rank.ts';
import { thresholdRule } from './commit/threshold.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { diffusion } from './diffusion.ts';
import { canvasOptions } from './options.ts';
import type { DraftHook, Parts } from './parts.ts';

const vocabulary = 8;
const maskId = 0;
const eos = 7;
const language = canvasLanguage(11, vocabulary, maskId);
const prompt = [1, 2, 3];

interface Settings {
  genLength: number;
  methodOptions?: Record<string, unknown>;
  sampling?: SamplingInput;
  eosIds?: number[];
  shiftLogits?: boolean;
  stop?: string[];
}

const decodeWith = (method: typeof diffusion, { genLength, methodOptions, ...rest }: Settings) =>
  decodeCanvasTokens(method, language, {
    prompt,
    maskId,
    maxTokens: genLength,
    methodOptions: { genLength, ...methodOptions },
    ...rest,
  });

const decode = (settings: Settings) => decodeWith(diffusion, settings);

/** A method of the given parts, made anew for each run. */
const methodOf = (parts: (canvas: { eosIds: readonly number[] }) => Parts) =>
  defineMethod({
    slug: 'parts',
    title: 'Parts',
    family: 'masked-diffusion',
    summary: 'Parts of a test.',
    options: z.strictObject({ ...canvasOptions.shape }),
    needs: ['mask-token'],
    sampling: 'any',
    guarantee: 'own',
    phases: (options, run) => decodeCanvas(run, options, parts(run)),
  }) as unknown as typeof diffusion;

/** Blocks, a number of blocks, steps for each, and the rest. */
const anySettings = fc
  .record({
    blockLength: fc.integer({ min: 1, max: 7 }),
    blocks: fc.integer({ min: 1, max: 3 }),
    share: fc.integer({ min: 1, max: 7 }),
    order: fc.constantFrom('low_confidence', 'entropy', 'margin', 'random'),
    temperature: fc.constantFrom(0, 1),
    cfgScale: fc.constantFrom(0, 0, 1.5),
    seed: fc.nat(1000),
  })
  .map(({ blockLength, blocks, share, temperature, seed, ...rest }) => {
    const stepsPerBlock = Math.min(share, blockLength);
    return {
      genLength: blockLength * blocks,
      stepsPerBlock,
      blocks,
      sampling: { temperature, seed },
      methodOptions: { blockLength, steps: stepsPerBlock * blocks, ...rest },
    };
  });

describe('a fixed number of steps', () => {
  it('commits every position once, block by block, by quota', async () => {
    await fc.assert(
      fc.asyncProperty(anySettings, async ({ stepsPerBlock, blocks, ...settings }) => {
        const { steps, run } = await decode(settings);
        const { blockLength } = settings.methodOptions;
        expect(steps).toHaveLength(stepsPerBlock * blocks);
        for (const [index, { committed, rows, forwards }] of steps.entries()) {
          const block = Math.floor(index / stepsPerBlock);
          expect(committed).toHaveLength(quota(blockLength, stepsPerBlock, index % stepsPerBlock));
          for (const { position } of committed) expect(Math.floor(position / blockLength)).toBe(block);
          expect(forwards).toBe(1);
          const guided = settings.methodOptions.cfgScale > 0 ? 2 : 1;
          expect(rows).toBe(guided * (prompt.length + settings.genLength));
        }
        const positions = steps.flatMap(({ committed }) => committed.map(({ position }) => position));
        expect(positions.toSorted((a, b) => a - b)).toEqual(positions.map((_, i) => i));
        expect(run.finish).toBe('length');
        expect(run.statistics).toMatchObject({
          forwards: steps.length,
          committed: settings.genLength,
          kvRead: 0,
          kvWritten: 0,
        });
        expect(Array.from(run.canvas!)).toEqual(run.generated);
        expect(run.generated).not.toContain(maskId);
      }),
      { numRuns: 60 },
    );
  });

  it('is full diffusion with one block', async () => {
    const whole = await decode({ genLength: 12, methodOptions: { blockLength: 0 } });
    const block = await decode({ genLength: 12, methodOptions: { blockLength: 12 } });
    expect(trajectory(block.steps)).toEqual(trajectory(whole.steps));
  });

  it('is what a threshold above 1 comes to', async () => {
    for (const sampling of [{}, { temperature: 1, seed: 4 }]) {
      const common = { genLength: 12, sampling };
      const fixed = await decode({ ...common, methodOptions: { blockLength: 4 } });
      const threshold = await decode({ ...common, methodOptions: { blockLength: 4, threshold: 1.5 } });
      const factor = await decode({ ...common, methodOptions: { blockLength: 4, factor: 1e-6 } });
      expect(trajectory(threshold.steps)).toEqual(trajectory(fixed.steps));
      expect(trajectory(factor.steps)).toEqual(trajectory(fixed.steps));
      expect(fixed.steps).toHaveLength(12);
    }
  });

  it('takes fewer steps with a lower threshold', async () => {
    const counts: number[] = [];
    for (const threshold of [1.5, 0.9, 0.5, 0]) {
      counts.push(
        (await decode({ genLength: 24, methodOptions: { blockLength: 8, threshold } })).steps.length,
      );
    }
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(counts.at(-1)).toBe(3);
  });
});

describe('the end of the answer', () => {
  it('is the same text however decoding stops, in ever fewer forwards', async () => {
    let saved = 0;
    for (let seed = 0; seed < 40; seed++) {
      const run = async (earlyStop: string) => {
        const { steps, run } = await decode({
          genLength: 24,
          methodOptions: { blockLength: 8, earlyStop },
          sampling: { temperature: 1.5, seed },
          eosIds: [eos],
        });
        expect(steps.map(({ text }) => text).join('')).toBe(
          String.fromCharCode(...run.generated.filter((token) => token !== eos).map((token) => 97 + token)),
        );
        return { tokens: run.generated, finish: run.finish, forwards: run.statistics.forwards, steps };
      };
      const [answer, block, never] = [await run('answer'), await run('block'), await run('never')];
      for (const { tokens, finish } of [block, never]) {
        expect(tokens).toEqual(answer.tokens);
        expect(finish).toBe(answer.finish);
      }
      const end = never.tokens.indexOf(eos);
      expect(never.finish).toBe(end === -1 ? 'length' : 'eos');
      expect(never.tokens).toHaveLength(end === -1 ? 24 : end + 1);
      expect(never.forwards).toBe(24);
      expect(block.forwards).toBe(end === -1 ? 24 : 8 * Math.ceil((end + 1) / 8));
      expect(answer.forwards).toBeLessThanOrEqual(block.forwards);
      expect(never.steps.flatMap(({ committed }) => committed)).toHaveLength(24);
      saved += block.forwards - answer.forwards;
    }
    expect(saved).toBeGreaterThan(0);
  });

  it('is never reached when end tokens are banned, and put off when they are last', async () => {
    const common = { genLength: 16, eosIds: [eos], sampling: { logitBias: { [eos]: 3 } } };
    const plain = await decode(common);
    expect(plain.run.finish).toBe('eos');
    const banned = await decode({ ...common, methodOptions: { logitsEosInf: true } });
    expect(banned.run.finish).toBe('length');
    expect(banned.run.generated).not.toContain(eos);
    const last = await decode({
      ...common,
      methodOptions: { confidenceEosEotInf: true, earlyStop: 'never' },
    });
    const firstEnd = (steps: readonly Step[]) =>
      steps.findIndex(({ committed }) => committed.some(({ token }) => token === eos));
    expect(firstEnd(last.steps)).toBeGreaterThan(firstEnd(plain.steps));
  });

  it('streams text as far as it is final', async () => {
    const { steps, run } = await decode({ genLength: 16, methodOptions: { order: 'random' } });
    let text = '';
    for (const { text: delta, canvas } of steps) {
      text += delta;
      const gap = canvas!.indexOf(-1);
      const final = canvas!.slice(0, gap === -1 ? undefined : gap);
      expect(text).toBe(String.fromCharCode(...final.map((token) => 97 + token)));
    }
    expect(text).toHaveLength(run.generated.length);
  });

  it('is a stop string as soon as all before it is committed', async () => {
    const free = await decode({ genLength: 16 });
    const written = String.fromCharCode(...free.run.generated.map((token) => 97 + token));
    const stop = written.slice(5, 8);
    const { run, steps } = await decode({ genLength: 16, stop: [stop] });
    expect(run.finish).toBe('stop');
    expect(steps.map(({ text }) => text).join('')).toBe(written.slice(0, written.indexOf(stop)));
  });
});

describe('the parts of a method', () => {
  it('guides only with a scale, and shifts what is read by one row', async () => {
    const { forwards } = await decode({ genLength: 4, methodOptions: { cfgScale: 1 }, shiftLogits: true });
    for (const [conditional, unconditional] of forwards) {
      expect(Array.from(conditional.tokens).slice(0, 3)).toEqual(prompt);
      expect(Array.from(unconditional.tokens).slice(0, 3)).toEqual([maskId, maskId, maskId]);
      expect(Array.from(unconditional.tokens).slice(3)).toEqual(Array.from(conditional.tokens).slice(3));
      expect(unconditional.scored).toEqual(conditional.scored);
    }
    expect(forwards[0][0].scored).toEqual([2, 3, 4, 5]);
    expect((await decode({ genLength: 4 })).forwards[0].map(({ scored }) => scored)).toEqual([[3, 4, 5, 6]]);
  });

  it('blocks: of any lengths, left to right; drafts change nothing', async () => {
    const lengths = [3, 1, 6, 2];
    const drafts: DraftHook = ({ positions, tokens, candidates }) => [
      candidates.map((index) => ({ position: positions[index], token: tokens[index] })),
    ];
    for (const part of [{}, { drafts }]) {
      const seen: unknown[] = [];
      const parts = (): Parts => ({
        ...part,
        blocks: lengths,
        commit: (predictions, { block, blockStep, blockMasks }) => {
          if (blockStep === 0) seen.push([block.index, block.start, block.end, blockMasks]);
          return ranked(predictions).slice(0, 2);
        },
      });
      const { steps, run } = await decodeWith(methodOf(parts), {
        genLength: 12,
        methodOptions: { blockLength: 0 },
      });
      const blockOf = (position: number) => [0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 3, 3][position];
      const order = steps.flatMap(({ committed }) => committed.map(({ position }) => blockOf(position)));
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(seen).toEqual([
        [0, 0, 3, 3],
        [1, 3, 4, 1],
        [2, 4, 10, 6],
        [3, 10, 12, 2],
      ]);
      expect(run.generated).toHaveLength(12);
    }
  });

  it('look: positions beyond the block, which a rule may commit', async () => {
    const parts = (): Parts => ({
      look: (canvas) => canvas.masked(),
      commit: (predictions, { step }) =>
        step === 2 ? predictions.positions.map((_, index) => index) : ranked(predictions).slice(0, 1),
    });
    const { steps, run } = await decodeWith(methodOf(parts), {
      genLength: 12,
      methodOptions: { blockLength: 4 },
    });
    expect(steps.map(({ committed }) => committed.length)).toEqual([1, 1, 10]);
    expect(run.generated).toHaveLength(12);
  });

  it('shape: changes tokens and confidence, but not the reported probability', async () => {
    const seen: number[][] = [];
    const parts = (): Parts => ({
      shape: (logits, position, { step }) => {
        seen.push([step, position]);
        logits[position === 2 ? 5 : 4] += 100;
      },
      commit: thresholdRule(0.99),
    });
    const { run, steps } = await decodeWith(methodOf(parts), { genLength: 6 });
    expect(run.generated).toEqual([4, 4, 5, 4, 4, 4]);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((position) => [0, position]));
    const own = language([...prompt, ...new Array(6).fill(maskId)], 3);
    const total = own.reduce((sum, logit) => sum + Math.exp(logit), 0);
    expect(steps[0].committed.find(({ position }) => position === 0)!.probability).toBeCloseTo(
      Math.exp(own[4]) / total,
      9,
    );
  });

  it('confidence: reorders and leaves tokens alone', async () => {
    const backwards: Parts = {
      commit: quotaRule(6),
      confidence: ({ positions, confidence }) => confidence.set(positions),
    };
    const { steps } = await decodeWith(
      methodOf(() => backwards),
      { genLength: 6 },
    );
    expect(steps.map(({ committed }) => committed[0].position)).toEqual([5, 4, 3, 2, 1, 0]);
  });

  it('afterCommit and stop: told what was committed; a canvas never grows back', async () => {
    const told: number[][] = [];
    const parts = (): Parts => ({
      commit: quotaRule(10),
      afterCommit: (committed, { positions }) => told.push(committed.map((index) => positions[index])),
      stop: (committed, { positions, tokens }) => {
        const end = committed.find((index) => tokens[index] === eos);
        return end === undefined ? undefined : positions[end] + 1;
      },
    });
    let cropped = 0;
    for (let seed = 0; seed < 20; seed++) {
      told.length = 0;
      const settings = { genLength: 10, sampling: { temperature: 1.5, seed }, eosIds: [eos] };
      const { steps, run } = await decodeWith(methodOf(parts), settings);
      expect(told).toEqual(steps.map(({ committed }) => committed.map(({ position }) => position)));
      const lengths = steps.map(({ canvas }) => canvas!.length);
      expect(lengths).toEqual(lengths.toSorted((a, b) => b - a));
      expect(steps.map(({ rows }) => rows)).toEqual(
        [10, ...lengths].slice(0, -1).map((length) => length + 3),
      );
      expect(run.finish).toBeDefined();
      if (lengths.at(-1)! < 10) cropped++;
    }
    expect(cropped).toBeGreaterThan(5);
  });

  it('drafts: change the number of forwards and nothing else', async () => {
    /** The surest predictions of now, one after the other: FreeDave's drafts. */
    const freely: DraftHook = (predictions, canvas) => {
      const open = ranked(predictions).filter((index) => canvas.tokens[predictions.positions[index]] === -1);
      return open
        .slice(0, 3)
        .map((index) => [{ position: predictions.positions[index], token: predictions.tokens[index] }]);
    };
    let [with_, without] = [0, 0];
    for (let seed = 0; seed < 12; seed++) {
      for (const cfgScale of [0, 1]) {
        const settings: Settings = {
          genLength: 16,
          methodOptions: { blockLength: 8, cfgScale, earlyStop: seed % 2 ? 'never' : 'answer' },
          sampling: { temperature: seed % 3 === 0 ? 0 : 0.3, seed },
          eosIds: [eos],
        };
        const commit = quotaRule(8);
        const plain = await decodeWith(
          methodOf(() => ({ commit })),
          settings,
        );
        const drafted = await decodeWith(
          methodOf(() => ({ commit, drafts: freely })),
          settings,
        );
        expect(trajectory(drafted.steps).flat()).toEqual(trajectory(plain.steps).flat());
        expect(drafted.run.generated).toEqual(plain.run.generated);
        const { statistics } = drafted.run;
        expect(statistics.drafted).toBeGreaterThan(0);
        expect(statistics.accepted).toBe(plain.run.statistics.forwards - statistics.forwards);
        for (const { proposed, committed } of drafted.steps) {
          const right = proposed.filter(({ accepted }) => accepted).map(({ token }) => token);
          expect(committed.slice(0, right.length).map(({ token }) => token)).toEqual(right);
        }
        with_ += statistics.forwards;
        without += plain.run.statistics.forwards;
      }
    }
    expect(with_).toBeLessThan(without);
  });

  it('logits: guided, for parts that need them', async () => {
    const parts = (): Parts => ({
      needsLogits: true,
      commit: (predictions) => {
        const { positions, logits } = predictions;
        const text = [...prompt, ...new Array(4).fill(maskId)];
        const masked = text.map((token, i) => (i < 3 ? maskId : token));
        for (const [index, position] of positions.entries()) {
          const [c, u] = [language(text, 3 + position), language(masked, 3 + position)];
          const guided = Array.from(c, (logit, id) => Math.fround(u[id] + 2 * (logit - u[id])));
          expect(Array.from(logits(index))).toEqual(guided);
        }
        return predictions.candidates;
      },
    });
    await decodeWith(methodOf(parts), { genLength: 4, methodOptions: { cfgScale: 1 } });
  });
});
