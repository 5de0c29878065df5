/** Coherent contextual decoding: buffer and mixture against plain references, and what they come to when off. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normal } from '../random.ts';
import {
  type CanvasLogits,
  type CanvasSettings,
  canvasLanguage,
  decodeSettings,
  trajectory,
} from '../testing/canvas-model.ts';
import { type ReferenceOptions, referenceCanvas, softmaxOf, surest } from '../testing/reference-canvas.ts';
import { ccd } from './ccd.ts';
import { ContextMixture } from './context-mixture.ts';
import { diffusion } from './diffusion.ts';
import { refusalOf } from './testing/refusal.ts';

const vocabulary = 8;
const maskId = 0;
const eos = 7;
const restless = canvasLanguage(21, vocabulary, maskId);

/** Each position has a leaning of its own that the rest of the canvas sways a little: predictions hold for some steps. */
const language: CanvasLogits = (tokens, position) =>
  restless(tokens, position).map((logit, token) =>
    token === maskId
      ? logit
      : 0.4 * logit + 3 * normal({ seed: tokens[0], stream: 999, step: position, position: token }),
  );

const decode = (settings: CanvasSettings, method: unknown = ccd) =>
  decodeSettings(method, language, settings);

const anySettings = fc
  .record({
    prompt: fc.array(fc.integer({ min: 1, max: eos }), { minLength: 1, maxLength: 5 }),
    length: fc.integer({ min: 1, max: 12 }),
    blocks: fc.constantFrom(1, 1, 1, 2, 3),
    share: fc.integer({ min: 1, max: 12 }),
    order: fc.constantFrom('entropy', 'margin', 'low_confidence'),
    temperature: fc.constantFrom(0, 0, 0.5),
    seed: fc.nat(1000),
    cfgScale: fc.constantFrom(0, 0, 0.8),
  })
  .map(({ length, blocks, share, prompt, temperature, seed, ...rest }) => {
    const blockLength = blocks === 1 ? 2 * length : length;
    const stepsPerBlock = Math.min(share + (blocks === 1 ? length : 0), blockLength);
    return {
      prompt,
      genLength: blockLength * blocks,
      stepsPerBlock,
      sampling: { temperature, seed },
      methodOptions: { blockLength, steps: stepsPerBlock * blocks, ...rest },
    };
  });

const quotaOf = (masks: number, steps: number, step: number) =>
  Math.floor(masks / steps) + (step < masks % steps ? 1 : 0);

/** Past rows by position, as the average over d steps knows them: the m best tokens, and the rest spread as now. */
function averaging(contexts: number, topTokens: number): NonNullable<ReferenceOptions['reshape']> {
  const past = new Map<number, (readonly number[])[]>();
  return (p, position) => {
    const rows = past.get(position) ?? [];
    past.set(position, [...rows, p].slice(-(contexts - 1)));
    if (contexts === 1 || rows.length === 0) return p;
    const whole = rows.map((row) => {
      const best = row
        .map((_, id) => id)
        .toSorted((a, b) => row[b] - row[a] || a - b)
        .slice(0, topTokens);
      const rest = 1 - best.reduce((sum, id) => sum + row[id], 0);
      const outside = 1 - best.reduce((sum, id) => sum + p[id], 0);
      return p.map((x, id) => (best.includes(id) ? row[id] : outside > 1e-12 ? (rest * x) / outside : 0));
    });
    const mean = p.map((x, id) => (x + whole.reduce((sum, row) => sum + row[id], 0)) / (rows.length + 1));
    const total = mean.reduce((sum, x) => sum + x, 0);
    return mean.map((x) => x / total);
  };
}

describe('against diffusion, over random prompts and options', () => {
  const earlyStops = fc.constantFrom('answer', 'block', 'never');
  const same = async (
    {
      stepsPerBlock,
      methodOptions,
      ...settings
    }: typeof anySettings extends fc.Arbitrary<infer T> ? T : never,
    earlyStop: string,
    own: Record<string, unknown>,
  ) => {
    const common = { ...methodOptions, earlyStop };
    const ours = await decode({ ...settings, eosIds: [eos], methodOptions: { ...common, ...own } });
    const theirs = await decode({ ...settings, eosIds: [eos], methodOptions: common }, diffusion);
    expect(trajectory(ours.steps)).toEqual(trajectory(theirs.steps));
    expect(ours.run.statistics.forwards).toBe(theirs.run.statistics.forwards);
    expect(stepsPerBlock).toBeGreaterThan(0);
  };

  it('is the plain sampler while it warms up', async () => {
    await fc.assert(
      fc.asyncProperty(anySettings, earlyStops, fc.nat(3), async (settings, earlyStop, more) =>
        same(settings, earlyStop, { warmup: settings.methodOptions.steps + more }),
      ),
      { numRuns: 200 },
    );
  });

  it('is the plain sampler with one context and a plain budget', async () => {
    await fc.assert(
      fc.asyncProperty(
        anySettings,
        earlyStops,
        fc.integer({ min: 1, max: 9 }),
        (settings, earlyStop, topTokens) =>
          same(settings, earlyStop, { budget: 'plain', contexts: 1, topTokens }),
      ),
      { numRuns: 200 },
    );
  });
});

describe('against a plain reference, over random prompts and options', () => {
  const anyOwn = fc.record({
    budget: fc.constantFrom('seek', 'seek', 'uniform', 'plain'),
    expandRatio: fc.constantFrom(0, 1, 2.5, 4),
    warmup: fc.constantFrom(0, 1, 2, 5),
    lateReset: fc.boolean(),
    contexts: fc.constantFrom(1, 1, 2, 4),
    topTokens: fc.constantFrom(1, 3, 8),
  });

  it('commits what the reference commits, every position once, within the width of the buffer', async () => {
    const coherentSteps = { seek: 0, uniform: 0, plain: 0 };
    await fc.assert(
      fc.asyncProperty(anySettings, anyOwn, async (settings, own) => {
        const { prompt, genLength, stepsPerBlock, sampling, methodOptions } = settings;
        const { blockLength, order, cfgScale } = methodOptions;
        let width = 1;
        let saved: { buffer: number[]; tops: Map<number, number> } = { buffer: [], tops: new Map() };
        let block = { end: 0, first: 0 };
        const rule: ReferenceOptions['rule'] = (openings, { step, masks, end }) => {
          if (block.end !== end) block = { end, first: step };
          const ranking = surest(openings);
          const K = quotaOf(blockLength, stepsPerBlock, step - block.first);
          let chosen = ranking.slice(0, K);
          const T = chosen.map(({ position }) => position);
          if (step < own.warmup) width = 1;
          else if (own.lateReset && masks <= genLength / 10) width = 1;
          else width = Math.min(width + 1, K + Math.floor(K * own.expandRatio));
          if (own.budget !== 'plain' && step >= own.warmup && T.some((p) => saved.buffer.includes(p))) {
            const coherent = ranking
              .slice(0, width)
              .filter(({ position }) => saved.buffer.includes(position))
              .filter(({ position, top }) => saved.tops.get(position) === top);
            if (coherent.length >= Math.min(K, openings.length)) {
              coherentSteps[own.budget]++;
              chosen = own.budget === 'seek' ? coherent : coherent.slice(0, K);
            }
          }
          const draft = ranking
            .slice(0, 2 * width + chosen.length)
            .filter((opening) => !chosen.includes(opening));
          saved = {
            buffer: draft.slice(0, width).map(({ position }) => position),
            tops: new Map(openings.map(({ position, top }) => [position, top])),
          };
          return chosen;
        };
        const expected = referenceCanvas(language, {
          prompt,
          maskId,
          order,
          cfgScale,
          blocks: new Array(genLength / blockLength).fill(blockLength),
          ...sampling,
          reshape: averaging(own.contexts, own.topTokens),
          rule,
        });
        const { steps } = await decode({
          prompt,
          genLength,
          sampling,
          methodOptions: { ...methodOptions, ...own },
        });
        expect(trajectory(steps)).toEqual(expected);

        const positions = expected.flat().map(([position]) => position);
        expect(positions.toSorted((a, b) => a - b)).toEqual([...positions.keys()]);
        const most = Math.ceil(blockLength / stepsPerBlock);
        for (const { committed } of steps) {
          expect(committed.length).toBeGreaterThanOrEqual(1);
          expect(committed.length).toBeLessThanOrEqual(most + Math.floor(most * own.expandRatio));
        }
        if (own.budget === 'seek') expect(steps.length).toBeLessThanOrEqual(methodOptions.steps);
        else expect(steps).toHaveLength(methodOptions.steps);
      }),
      { numRuns: 300 },
    );
    expect(coherentSteps.seek).toBeGreaterThan(100);
    expect(coherentSteps.uniform).toBeGreaterThan(50);
  });

  it('commits ahead of time only what the step before predicted as well', async () => {
    let ahead = 0;
    await fc.assert(
      fc.asyncProperty(anySettings, async ({ prompt, genLength, methodOptions }) => {
        const { order, blockLength } = methodOptions;
        const { steps } = await decode({ prompt, genLength, methodOptions: { order, blockLength } });
        const canvases = [new Array<number>(genLength).fill(-1), ...steps.map(({ canvas }) => [...canvas!])];
        for (const [index, { committed }] of steps.entries()) {
          if (committed.length === 1) continue;
          expect(index).toBeGreaterThanOrEqual(5);
          const before = canvases[index - 1].map((token) => (token === -1 ? maskId : token));
          for (const { position, token } of committed) {
            const logits = language([...prompt, ...before], prompt.length + position);
            expect(logits.indexOf(Math.max(...logits))).toBe(token);
            expect(before[position]).toBe(maskId);
            ahead++;
          }
        }
      }),
      { numRuns: 60 },
    );
    expect(ahead).toBeGreaterThan(100);
  });
});

describe('the budget', () => {
  const many = async (methodOptions: Record<string, unknown>) => {
    const counts: number[][] = [];
    for (let seed = 0; seed < 30; seed++) {
      const { steps } = await decode({
        genLength: 24,
        prompt: [1 + (seed % 7), 1 + (seed % 5)],
        methodOptions,
      });
      counts.push(steps.map(({ committed }) => committed.length));
    }
    return counts;
  };

  it('is exactly one token a step when uniform over as many steps as positions', async () => {
    for (const counts of await many({ budget: 'uniform', expandRatio: 0 })) {
      expect(counts).toEqual(new Array(24).fill(1));
    }
  });

  it('saves forwards when seeking, the more the wider the buffer may grow', async () => {
    const forwards: number[] = [];
    for (const expandRatio of [0, 1, 4]) {
      const counts = await many({ expandRatio });
      expect(Math.max(...counts.flat())).toBeLessThanOrEqual(1 + expandRatio);
      forwards.push(counts.reduce((sum, { length }) => sum + length, 0));
    }
    expect(forwards[0]).toBe(24 * 30);
    expect(forwards).toEqual(forwards.toSorted((a, b) => b - a));
    expect(forwards[2]).toBeLessThan(0.8 * forwards[0]);
  });
});

describe('the mixture', () => {
  const row = (seed: number, step: number) =>
    Float32Array.from(
      { length: vocabulary },
      (_, token) => 2 * normal({ seed, stream: 1, step, position: token }),
    );
  const entropy = (p: readonly number[]) => -p.reduce((sum, x) => sum + (x > 0 ? x * Math.log(x) : 0), 0);

  it('is the mean of the last d rows, and of those there are before; one context changes no bit', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: 5 }), (seed, contexts) => {
        const mixture = new ContextMixture(contexts, vocabulary);
        for (let step = 0; step < 8; step++) {
          const logits = row(seed, step);
          mixture.shape(logits, 3);
          const first = Math.max(0, step - contexts + 1);
          const rows = Array.from({ length: step - first + 1 }, (_, k) => softmaxOf(row(seed, first + k)));
          const mean = rows[0].map((_, id) => rows.reduce((sum, p) => sum + p[id], 0) / rows.length);
          for (const [id, x] of softmaxOf(logits).entries()) expect(x).toBeCloseTo(mean[id], 6);
          if (contexts === 1) expect(logits).toEqual(row(seed, step));
          // Jensen: the difference is the mutual information of token and context.
          const each = rows.reduce((sum, p) => sum + entropy(p), 0) / rows.length;
          expect(entropy(softmaxOf(logits))).toBeGreaterThanOrEqual(each - 1e-6);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is a distribution near the mean when only the best tokens are remembered', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: vocabulary }), (seed, topTokens) => {
        const mixture = new ContextMixture(2, topTokens);
        mixture.shape(row(seed, 0), 0);
        const logits = row(seed, 1);
        mixture.shape(logits, 0);
        expect(Array.from(logits, Math.exp).reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 5);
        const [past, now] = [softmaxOf(row(seed, 0)), softmaxOf(row(seed, 1))];
        const best = past.toSorted((a, b) => b - a)[topTokens - 1];
        for (const [id, logit] of logits.entries()) {
          if (past[id] >= best) expect(Math.exp(logit)).toBeCloseTo((past[id] + now[id]) / 2, 6);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('keeps positions apart, and rules out what is ruled out now', () => {
    const mixture = new ContextMixture(3, 4);
    mixture.shape(row(1, 0), 0);
    const other = row(1, 1);
    mixture.shape(other, 1);
    expect(other).toEqual(row(1, 1));
    const banned = row(1, 2);
    banned[4] = Number.NEGATIVE_INFINITY;
    mixture.shape(banned, 0);
    expect(banned[4]).toBe(Number.NEGATIVE_INFINITY);
    expect(banned[5]).toBeGreaterThan(Number.NEGATIVE_INFINITY);
  });
});

describe('refuses what cannot be', () => {
  it.each([
    [{ order: 'random' }, 'order', 'predictions'],
    [{ order: 'origin' }, 'order', 'predictions'],
    [{ budget: 'all' }, 'budget', 'coherent'],
    [{ expandRatio: -1 }, 'expandRatio', 'buffer'],
    [{ warmup: -1 }, 'warmup', 'plain decoding'],
    [{ contexts: 0 }, 'contexts', 'averaged'],
    [{ topTokens: 0 }, 'topTokens', 'average'],
    [{ steps: 17 }, 'steps', '16 steps at most'],
    [{ blockLength: 4, steps: 6 }, 'steps', 'multiple of 4'],
    [{ threshold: 0.9 }, 'threshold', 'budget'],
  ])('%j', async (methodOptions, name, remedy) => {
    const { code, message, hint } = await refusalOf(() => decode({ genLength: 16, methodOptions }));
    expect(code).toBe('bad-option');
    expect(message).toContain(`"${name}"`);
    expect(hint).toContain(remedy);
  });
});
