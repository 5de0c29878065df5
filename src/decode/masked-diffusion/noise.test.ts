/** Canvases of models without a mask token: open positions hold random tokens, and the prompt may be read once. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Step } from '../step.ts';
import { canvasLanguage, decodeCanvasTokens, trajectory } from '../testing/canvas-model.ts';
import { diffusion } from './diffusion.ts';
import { freedave } from './freedave.ts';
import { localleap } from './localleap.ts';
import { renoise } from './renoise.ts';

const vocabulary = 8;
/** Of the language, which never predicts it; here a token like any other. */
const maskId = 0;
const corruption = { kind: 'uniform', vocabSize: vocabulary } as const;
const language = canvasLanguage(11, vocabulary, maskId);
const prompt = [1, 2, 3];

interface Settings {
  method?: unknown;
  seed?: number;
  temperature?: number;
  causalPrompt?: boolean;
  methodOptions?: Record<string, unknown>;
  logitsOf?: typeof language;
}

function decode({ method = diffusion, seed = 1, temperature = 0, causalPrompt, ...more }: Settings) {
  const { logitsOf = language, methodOptions } = more;
  const genLength = 12;
  return decodeCanvasTokens(method as typeof diffusion, logitsOf, {
    prompt,
    maskId,
    corruption,
    causalPrompt,
    maxTokens: genLength,
    sampling: { temperature, seed },
    methodOptions: { genLength, ...methodOptions },
  });
}

/** The canvas as each forward was fed with it; forwards that read a prompt are none. */
const fedIn = (forwards: Awaited<ReturnType<typeof decode>>['forwards']) =>
  forwards
    .flat()
    .filter(({ scored }) => scored.length > 0)
    .map(({ tokens }) => Array.from(tokens).slice(-12));

/** Step by step, what the canvas was before it. */
const canvasesBefore = (steps: readonly Step[]) =>
  steps.map((_, i) => (i === 0 ? new Array<number>(12).fill(-1) : steps[i - 1].canvas!));

describe('a canvas of noise', () => {
  it('shows what is committed, and random tokens elsewhere, new ones in each step', async () => {
    const { forwards, steps } = await decode({ methodOptions: { blockLength: 0 } });
    const fed = fedIn(forwards);
    expect(fed).toHaveLength(steps.length);
    let renewed = 0;
    canvasesBefore(steps).forEach((canvas, step) => {
      canvas.forEach((token, position) => {
        if (token >= 0) expect(fed[step][position]).toBe(token);
        else {
          expect(fed[step][position]).toBeGreaterThanOrEqual(0);
          expect(fed[step][position]).toBeLessThan(vocabulary);
          if (step > 0 && fed[step][position] !== fed[step - 1][position]) renewed++;
        }
      });
    });
    // 66 open positions after the first step, of which an eighth is drawn again by chance.
    expect(renewed).toBeGreaterThan(40);
    expect(renewed).toBeLessThan(66);
  });

  it('is the same for the same seed, and another for another, also without sampling', async () => {
    const fed = async (seed: number) => fedIn((await decode({ seed })).forwards);
    expect(await fed(1)).toEqual(await fed(1));
    expect((await fed(2))[0]).not.toEqual((await fed(1))[0]);
  });

  it('is filled once and for all by every rule', async () => {
    const settings = fc.record({
      seed: fc.nat(1000),
      temperature: fc.constantFrom(0, 1),
      causalPrompt: fc.boolean(),
      choice: fc.constantFrom<Settings>(
        { methodOptions: { blockLength: 4 } },
        { methodOptions: { blockLength: 0, order: 'entropy', entropyBound: 0.5 } },
        { methodOptions: { blockLength: 6, threshold: 0.6, cache: 'dual' } },
        { methodOptions: { blockLength: 4, order: 'origin' } },
        { method: localleap, methodOptions: { blockLength: 4, threshold: 0.6, relaxedThreshold: 0.4 } },
        { method: renoise, methodOptions: { maxSteps: 5 } },
      ),
    });
    await fc.assert(
      fc.asyncProperty(settings, async ({ choice, ...rest }) => {
        const { steps, run } = await decode({ ...rest, ...choice });
        canvasesBefore(steps).forEach((canvas, step) => {
          canvas.forEach((token, position) => {
            if (token >= 0) expect(steps[step].canvas![position]).toBe(token);
          });
        });
        const positions = steps.flatMap(({ committed }) => committed.map(({ position }) => position));
        expect(positions.toSorted((a, b) => a - b)).toEqual([...new Array(12).keys()]);
        expect(run.generated).toHaveLength(12);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a causal prompt', () => {
  it('is run once, and the canvas behind it as if it had been there', async () => {
    const methodOptions = { blockLength: 0 };
    const whole = await decode({ methodOptions });
    const kept = await decode({ methodOptions, causalPrompt: true });
    // In this language a row is a function of all tokens, wherever they are cached.
    expect(trajectory(kept.steps.slice(1))).toEqual(trajectory(whole.steps));
    expect(kept.steps[0]).toMatchObject({ kind: 'prefill', rows: prompt.length, committed: [] });
    for (const { rows } of kept.steps.slice(1)) expect(rows).toBe(12);
  });

  it('grows by every block that is full, and the next one is a canvas of its own behind it', async () => {
    const { steps, run, forwards } = await decode({ methodOptions: { blockLength: 4 }, causalPrompt: true });
    const block = [['prefill', prompt.length], ...new Array(4).fill(['decode', 4])];
    const next = [['prefill', 4], ...new Array(4).fill(['decode', 4])];
    expect(steps.map(({ kind, rows }) => [kind, rows])).toEqual([...block, ...next, ...next]);
    const alone = (text: number[]) =>
      decodeCanvasTokens(diffusion, language, {
        prompt: text,
        maskId,
        corruption,
        causalPrompt: true,
        maxTokens: 4,
        sampling: { temperature: 0, seed: 1 },
        methodOptions: { genLength: 4 },
      });
    expect((await alone(prompt)).run.generated).toEqual(run.generated.slice(0, 4));
    expect(run.statistics.kvWritten).toBe(prompt.length + 8);
    const reread = forwards.flat().filter(({ scored }) => scored.length === 0);
    expect(reread.flatMap(({ tokens }) => Array.from(tokens))).toEqual([
      ...prompt,
      ...run.generated.slice(0, 8),
    ]);
  });

  it('lets freedave write what diffusion writes, with drafts that end with the block', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const common = { seed, causalPrompt: true, logitsOf: canvasLanguage(seed, vocabulary, maskId, 0.5) };
      for (const methodOptions of [{ blockLength: 4 }, { blockLength: 6, order: 'origin', steps: 6 }]) {
        const plain = await decode({ ...common, methodOptions });
        const more = { ...methodOptions, draftSteps: 5, eager: true };
        const drafted = await decode({ ...common, method: freedave, methodOptions: more });
        expect(drafted.run.generated).toEqual(plain.run.generated);
      }
    }
  });

  it('is read in chunks when it is long', async () => {
    const long = Array.from({ length: 700 }, (_, i) => 1 + (i % 7));
    const { steps, run } = await decodeCanvasTokens(diffusion, language, {
      prompt: long,
      maskId,
      corruption,
      causalPrompt: true,
      maxTokens: 4,
      methodOptions: { genLength: 4 },
    });
    expect(steps.map(({ kind, rows }) => [kind, rows])).toEqual([
      ['prefill', 512],
      ['prefill', 188],
      ...new Array(4).fill(['decode', 4]),
    ]);
    expect(run.statistics.kvWritten).toBe(700);
  });

  it('cannot be hidden for guidance', async () => {
    const guided = decode({ methodOptions: { cfgScale: 1 }, causalPrompt: true });
    await expect(guided).rejects.toMatchObject({ code: 'bad-option' });
  });
});

describe('renoise', () => {
  it('commits a block as a whole, and shows what it was sure of in between', async () => {
    const methodOptions = { blockLength: 6, maxSteps: 5, entropyBound: 1 };
    const { steps, forwards } = await decode({ method: renoise, methodOptions });
    expect(steps.map(({ committed }) => committed.length)).toEqual([0, 0, 0, 0, 6, 0, 0, 0, 0, 6]);
    const noise = fedIn(
      (await decode({ method: renoise, methodOptions: { ...methodOptions, entropyBound: 0 } })).forwards,
    );
    const fed = fedIn(forwards);
    const differing = (step: number) => fed[step].filter((token, i) => token !== noise[step][i]).length;
    expect(differing(0)).toBe(0);
    expect([1, 2, 3, 4].some((step) => differing(step) > 1)).toBe(true);
  });

  it('holds a prediction only as long as the model is sure of it', async () => {
    // Position 0 is sure of 5 in even forwards and of nothing in odd ones; all others are never sure.
    let forward = -1;
    const logitsOf: typeof language = (_, position) => {
      if (position === prompt.length) forward++;
      const isSure = position === prompt.length && forward % 2 === 0;
      return Float32Array.from({ length: vocabulary }, (_, id) => (id === 5 && isSure ? 30 : id / 100));
    };
    const options = { maxSteps: 6, entropyBound: 0.1 };
    const { forwards } = await decode({ method: renoise, logitsOf, methodOptions: options });
    const fed = fedIn(forwards);
    const calm = fedIn((await decode({ methodOptions: { blockLength: 0 } })).forwards);
    expect(fed[0]).toEqual(calm[0]);
    expect([fed[1][0], fed[3][0], fed[5][0]]).toEqual([5, 5, 5]);
    // In odd forwards one position is taken in any case; the first of those that are equally unsure.
    for (const step of [2, 4]) expect(fed[step][0]).toBe(7);
  });

  it('ends early when the canvas has settled', async () => {
    const settled: typeof language = (_, position) =>
      Float32Array.from({ length: vocabulary }, (_, id) => (id === 1 + (position % 7) ? 30 : 0));
    for (const stableSteps of [0, 1, 3]) {
      const { steps, run } = await decode({
        method: renoise,
        logitsOf: settled,
        methodOptions: { stableSteps },
      });
      expect(steps).toHaveLength(stableSteps + 1);
      expect(run.generated).toEqual(Array.from({ length: 12 }, (_, i) => 1 + ((prompt.length + i) % 7)));
    }
  });

  it('commits the most probable tokens, also when it samples', async () => {
    const logitsOf: typeof language = (_, position) =>
      Float32Array.from({ length: vocabulary }, (_, id) => (id === 1 + (position % 7) ? 0.5 : 0));
    const { run } = await decode({
      method: renoise,
      logitsOf,
      temperature: 1,
      methodOptions: { maxSteps: 3 },
    });
    expect(run.generated).toEqual(Array.from({ length: 12 }, (_, i) => 1 + ((prompt.length + i) % 7)));
  });
});
