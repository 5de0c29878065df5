/** FreeDave against the sampler it must equal, and its forwards against the paper's algorithm written out here. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { normal } from '../random.ts';
import type { Step } from '../step.ts';
import { type CanvasLogits, canvasLanguage, decodeCanvasTokens } from '../testing/canvas-model.ts';
import { commitRule } from './commit/rule.ts';
import { creditDecoding, withCredit } from './credit-decoding.ts';
import { decodeCanvas } from './decode-canvas.ts';
import { diffusion } from './diffusion.ts';
import { freedave, withDrafts } from './freedave.ts';

const vocabulary = 6;
const maskId = 0;
const eos = 5;

/** A language whose predictions mostly stay as they are from step to step, as those of a trained model do. */
function steadyLanguage(seed: number, strength = 0.35): CanvasLogits {
  const restless = canvasLanguage(seed, vocabulary, maskId, strength);
  return (tokens, position) =>
    restless(tokens, position).map(
      (logit, token) =>
        logit + 2 * normal({ seed, stream: 99, step: tokens[0], position: position * 64 + token }),
    );
}

const anyRun = fc.record({
  language: fc.nat(1e6),
  prompt: fc.array(fc.integer({ min: 1, max: vocabulary - 1 }), { minLength: 1, maxLength: 4 }),
  blockLength: fc.integer({ min: 1, max: 6 }),
  blocks: fc.integer({ min: 1, max: 3 }),
  share: fc.integer({ min: 1, max: 6 }),
  rule: fc.constantFrom<object | undefined>(
    undefined,
    undefined,
    undefined,
    { order: 'low_confidence', threshold: 0.6 },
    { order: 'margin', factor: 1.2 },
  ),
  order: fc.constantFrom('low_confidence', 'entropy', 'margin', 'random', 'origin'),
  temperature: fc.constantFrom(0, 1),
  cfgScale: fc.constantFrom(0, 0, 1),
  earlyStop: fc.constantFrom('answer', 'block', 'never'),
  confidenceEosEotInf: fc.boolean(),
  shiftLogits: fc.boolean(),
  noise: fc.boolean(),
  ends: fc.boolean(),
  steady: fc.boolean(),
  draftSteps: fc.integer({ min: 2, max: 6 }),
  eager: fc.boolean(),
  seed: fc.nat(1000),
});

type AnyRun = typeof anyRun extends fc.Arbitrary<infer T> ? T : never;

/** The two methods on the same run. */
async function both(run: AnyRun) {
  const { language: seed, prompt, blockLength, blocks, share, rule, order, temperature, shiftLogits } = run;
  const language = run.steady ? steadyLanguage(seed) : canvasLanguage(seed, vocabulary, maskId);
  const genLength = blockLength * blocks;
  const { cfgScale, earlyStop, confidenceEosEotInf, draftSteps, eager } = run;
  const steps = Math.min(share, blockLength) * blocks;
  const methodOptions = {
    genLength,
    blockLength,
    cfgScale,
    earlyStop,
    confidenceEosEotInf,
    ...(rule ?? { order, steps }),
  };
  const common = {
    prompt,
    maskId,
    shiftLogits,
    corruption: run.noise ? ({ kind: 'uniform', vocabSize: vocabulary } as const) : undefined,
    maxTokens: genLength,
    sampling: { temperature, seed: run.seed },
    eosIds: run.ends ? [eos] : [],
  };
  const plain = await decodeCanvasTokens(diffusion, language, { ...common, methodOptions });
  const drafted = await decodeCanvasTokens(freedave, language, {
    ...common,
    methodOptions: { ...methodOptions, draftSteps, eager },
  });
  return { plain, drafted };
}

const committed = (steps: readonly Step[]) => steps.flatMap((step) => step.committed);

describe('freedave writes what diffusion writes', () => {
  it('in every order, block, rule and temperature, token by token and in the same order', async () => {
    let [forwards, static_] = [0, 0];
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const { plain, drafted } = await both(run);
        expect(committed(drafted.steps)).toEqual(committed(plain.steps));
        expect(drafted.run.generated).toEqual(plain.run.generated);
        expect(drafted.run.finish).toBe(plain.run.finish);
        const saved = plain.run.statistics.forwards - drafted.run.statistics.forwards;
        expect(saved).toBeGreaterThanOrEqual(0);
        const canvases = drafted.forwards.map((groups) => groups.length / (run.cfgScale > 0 ? 2 : 1));
        expect(Math.max(...canvases)).toBeLessThanOrEqual(run.draftSteps);
        forwards += drafted.run.statistics.forwards;
        static_ += plain.run.statistics.forwards;
      }),
      { numRuns: 200, seed: 1 },
    );
    expect(forwards).toBeLessThan(0.9 * static_);
  });

  it('with no drafts in as many forwards, and with more drafts in fewer', async () => {
    const totals = [1, 2, 4, 8].map(() => 0);
    for (let seed = 0; seed < 12; seed++) {
      for (const [i, draftSteps] of [1, 2, 4, 8].entries()) {
        const { run } = await decodeCanvasTokens(freedave, steadyLanguage(seed), {
          prompt: [1, 2],
          maskId,
          maxTokens: 16,
          methodOptions: { genLength: 16, blockLength: 8, draftSteps },
        });
        totals[i] += run.statistics.forwards;
      }
    }
    expect(totals[0]).toBe(12 * 16);
    expect(totals).toEqual(totals.toSorted((a, b) => b - a));
    expect(totals[2]).toBeLessThan(0.7 * totals[0]);
  });

  it('with drafts across blocks in fewer forwards than within them', async () => {
    const totals = [0, 0];
    for (let seed = 0; seed < 12; seed++) {
      for (const eager of [false, true]) {
        const { run } = await decodeCanvasTokens(freedave, steadyLanguage(seed), {
          prompt: [1, 2],
          maskId,
          maxTokens: 12,
          methodOptions: { genLength: 12, blockLength: 2, draftSteps: 6, eager },
        });
        totals[Number(eager)] += run.statistics.forwards;
      }
    }
    expect(totals[1]).toBeLessThan(totals[0]);
  });

  it('on top of other parts: credit, which remembers its steps', async () => {
    const both = defineMethod({
      ...creditDecoding,
      slug: 'credit-with-drafts',
      options: z.strictObject(creditDecoding.options.shape),
      phases: (options, run) =>
        decodeCanvas(run, options, withDrafts(withCredit({ commit: commitRule(options, run) }, options), 4)),
    });
    let [forwards, alone] = [0, 0];
    for (let seed = 0; seed < 20; seed++) {
      const options = {
        prompt: [1, 2],
        maskId,
        maxTokens: 12,
        sampling: { temperature: seed % 2, seed },
        methodOptions: { genLength: 12, blockLength: 6, threshold: 0.95 },
      };
      const credit = await decodeCanvasTokens(creditDecoding, steadyLanguage(seed), options);
      const drafted = await decodeCanvasTokens(both, steadyLanguage(seed), options);
      expect(committed(drafted.steps)).toEqual(committed(credit.steps));
      forwards += drafted.run.statistics.forwards;
      alone += credit.run.statistics.forwards;
    }
    expect(forwards).toBeLessThan(alone);
  });
});

/**
 * Forwards of the paper's algorithm at temperature 0, one token a step, drafts as canvases of their own; and without
 * those of a block whose beginning has been scored as the last draft of the block before, which the paper scores anew.
 */
function paperForwards(
  language: CanvasLogits,
  prompt: number[],
  length: number,
  block: number,
  d: number,
): { paper: number; shared: number } {
  const canvas = new Array<number>(length).fill(maskId);
  let [paper, shared] = [0, 0];
  let scored = false;

  /** The masked positions of a block with their predictions, surest first. */
  function predict(x: readonly number[], start: number) {
    return x
      .slice(start, start + block)
      .map((token, i) => ({ token, position: start + i }))
      .filter(({ token }) => token === maskId)
      .map(({ position }) => {
        const logits = Array.from(language([...prompt, ...x], prompt.length + position));
        const best = Math.max(...logits);
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit - best), 0);
        return { position, token: logits.indexOf(best), confidence: 1 / total };
      })
      .sort((a, b) => b.confidence - a.confidence || a.position - b.position);
  }
  const successor = (x: readonly number[], order: ReturnType<typeof predict>, k: number) => {
    const next = [...x];
    for (const { position, token } of order.slice(0, k)) next[position] = token;
    return next;
  };

  for (let start = 0; start < length; start += block) {
    paper++;
    if (!scored) shared++;
    scored = false;
    let x: number[] = [...canvas];
    for (let order = predict(x, start); order.length > 0; ) {
      if (order.length === 1) {
        x = successor(x, order, 1);
        break;
      }
      const drafts = Array.from({ length: Math.min(d, order.length) }, (_, j) => successor(x, order, j + 1));
      paper++;
      shared++;
      let best = 0;
      for (;;) {
        const target = successor(drafts[best], predict(drafts[best], start), 1);
        const right = drafts.findIndex((draft, j) => j > best && draft.join() === target.join());
        if (right === -1) break;
        best = right;
      }
      x = drafts[best];
      scored = best + 1 === order.length;
      order = predict(x, start);
    }
    canvas.splice(0, length, ...x);
  }
  return { paper, shared };
}

describe('freedave takes the forwards of the paper', () => {
  it.each([
    { blockLength: 8, draftSteps: 4 },
    { blockLength: 8, draftSteps: 8 },
    { blockLength: 16, draftSteps: 3 },
    { blockLength: 4, draftSteps: 6 },
  ])('%j', async ({ blockLength, draftSteps }) => {
    for (let seed = 0; seed < 6; seed++) {
      for (const language of [steadyLanguage(seed), canvasLanguage(seed, vocabulary, maskId)]) {
        const forwards = async (cache: string) => {
          const { run } = await decodeCanvasTokens(freedave, language, {
            prompt: [1, 2],
            maskId,
            maxTokens: 16,
            methodOptions: { genLength: 16, blockLength, draftSteps, cache },
          });
          return run.statistics.forwards;
        };
        const expected = paperForwards(language, [1, 2], 16, blockLength, draftSteps);
        expect(await forwards('none')).toBe(expected.shared);
        // A block that begins with a forward of its own, as its cache does, is the paper's.
        for (const cache of ['prefix', 'dual']) expect(await forwards(cache)).toBe(expected.paper);
        expect(expected.shared).toBeLessThanOrEqual(expected.paper);
      }
    }
  });
});
