/** Trace credit against a dense matrix of it, and the whole method against a decoder written out here. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillGumbel } from '../random.ts';
import {
  type CanvasLogits,
  canvasLanguage,
  decodeCanvasTokens,
  trajectory,
} from '../testing/canvas-model.ts';
import { creditDecoding, TraceCredit } from './credit-decoding.ts';
import { diffusion } from './diffusion.ts';

const vocabulary = 6;
const maskId = 0;

const anyRun = fc.record({
  language: fc.nat(1e6),
  prompt: fc.array(fc.integer({ min: 1, max: vocabulary - 1 }), { minLength: 1, maxLength: 4 }),
  blockLength: fc.integer({ min: 1, max: 6 }),
  blocks: fc.integer({ min: 1, max: 3 }),
  threshold: fc.constantFrom(0, 0.5, 0.7, 0.9, 1.5),
  temperature: fc.constantFrom(0, 1),
  seed: fc.nat(1000),
  creditWeight: fc.double({ min: 0.1, max: 3, noNaN: true }),
  creditExponent: fc.constantFrom(0, 0.2, 1),
  creditDecay: fc.constantFrom(0, 0.8, 1),
});

type AnyRun = typeof anyRun extends fc.Arbitrary<infer T> ? T : never;

const optionsOf = ({ prompt, blockLength, blocks, temperature, seed }: AnyRun) => ({
  common: { prompt, maskId, maxTokens: blockLength * blocks, sampling: { temperature, seed } },
  layout: { genLength: blockLength * blocks, blockLength },
});

/** Credit-threshold decoding with a dense credit matrix for each block, as the paper's algorithm has it. */
function reference(language: CanvasLogits, run: AnyRun): number[][][] {
  const { prompt, blockLength, blocks, threshold, temperature, seed } = run;
  const { creditWeight: alpha, creditExponent: gamma, creditDecay: beta } = run;
  const canvas = new Array<number>(blockLength * blocks).fill(maskId);
  const steps: number[][][] = [];
  for (let start = 0; start < canvas.length; start += blockLength) {
    const credit = Array.from({ length: blockLength }, () => new Float64Array(vocabulary));
    for (let first = true; canvas.slice(start, start + blockLength).includes(maskId); first = false) {
      if (!first) for (const row of credit) for (let v = 0; v < vocabulary; v++) row[v] *= beta;
      const predictions: { position: number; token: number; confidence: number }[] = [];
      for (let i = 0; i < blockLength; i++) {
        const position = start + i;
        if (canvas[position] !== maskId) continue;
        const logits = language([...prompt, ...canvas], prompt.length + position);
        const softmax = (row: ArrayLike<number>) => {
          const weights = Array.from(row, (logit) => Math.exp(logit));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          return weights.map((weight) => weight / total);
        };
        const top = logits.indexOf(Math.max(...logits));
        credit[i][top] += softmax(logits)[top] ** gamma;
        const fused = logits.map((logit, v) => logit + alpha * Math.log(1 + credit[i][v]));
        const noise = new Float64Array(vocabulary);
        if (temperature > 0) fillGumbel({ seed, stream: 0, step: steps.length, position }, noise);
        const noisy = Array.from(fused, (logit, v) => logit + temperature * noise[v]);
        const token = noisy.indexOf(Math.max(...noisy));
        predictions.push({ position, token, confidence: softmax(fused)[token] });
      }
      predictions.sort((a, b) => b.confidence - a.confidence || a.position - b.position);
      const chosen = predictions.filter(({ confidence }, rank) => rank === 0 || confidence >= threshold);
      for (const { position, token } of chosen) canvas[position] = token;
      steps.push(chosen.map(({ position, token }) => [position, token]));
    }
  }
  return steps;
}

describe('credit-decoding', () => {
  it('is threshold decoding without weight, and with one too small to matter', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const { common, layout } = optionsOf(run);
        const language = canvasLanguage(run.language, vocabulary, maskId);
        const { threshold } = run;
        const plain = await decodeCanvasTokens(diffusion, language, {
          ...common,
          methodOptions: { ...layout, threshold },
        });
        for (const creditWeight of [0, 1e-12]) {
          const credit = await decodeCanvasTokens(creditDecoding, language, {
            ...common,
            methodOptions: { ...layout, threshold, creditWeight },
          });
          expect(trajectory(credit.steps)).toEqual(trajectory(plain.steps));
          expect(credit.run.statistics.forwards).toBe(plain.run.statistics.forwards);
        }
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('is the paper’s algorithm over a dense matrix, whatever the options', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const { common, layout } = optionsOf(run);
        const { language: seed, threshold, creditWeight, creditExponent, creditDecay } = run;
        const language = canvasLanguage(seed, vocabulary, maskId);
        const { steps } = await decodeCanvasTokens(creditDecoding, language, {
          ...common,
          methodOptions: { ...layout, threshold, creditWeight, creditExponent, creditDecay },
        });
        expect(trajectory(steps)).toEqual(reference(language, run));
        if (threshold > 1) expect(steps).toHaveLength(common.maxTokens);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('reports the model’s own probability, and keeps no credit from one run to the next', async () => {
    const language = canvasLanguage(5, vocabulary, maskId);
    const options = { prompt: [1], maskId, maxTokens: 12, methodOptions: { blockLength: 6 } };
    const first = await decodeCanvasTokens(creditDecoding, language, options);
    const again = await decodeCanvasTokens(creditDecoding, language, options);
    expect(again.steps.map(({ committed }) => committed)).toEqual(
      first.steps.map(({ committed }) => committed),
    );
    const [{ position, token, probability }] = first.steps[0].committed;
    const logits = language([1, ...new Array<number>(12).fill(maskId)], 1 + position);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    expect(probability).toBeCloseTo(Math.exp(logits[token]) / total, 9);
  });

  it('takes fewer forwards than the same threshold where predictions are steady and unsure', async () => {
    /** One token leads everywhere, by less than the threshold, and stays. */
    const steady: CanvasLogits = (_, position) =>
      Float32Array.from({ length: vocabulary }, (_, token) =>
        token === maskId ? -1e9 : token === 1 + (position % 5) ? 2.6 + (position % 3) / 10 : 0,
      );
    const forwards: number[] = [];
    for (const method of [diffusion, creditDecoding]) {
      const { run } = await decodeCanvasTokens(method as typeof diffusion, steady, {
        prompt: [1],
        maskId,
        maxTokens: 16,
        methodOptions: { genLength: 16, blockLength: 16, threshold: 0.9 },
      });
      forwards.push(run.statistics.forwards);
    }
    expect(forwards[0]).toBe(16);
    expect(forwards[1]).toBeLessThan(8);
  });
});

const options = { creditWeight: 0.7, creditExponent: 0.2, creditDecay: 0.8 };

/** Logits [2] in which token 0 has probability p. */
const logitsOf = (p: number) => Float32Array.from([Math.log(p), Math.log(1 - p)]);

describe('TraceCredit', () => {
  it('follows its closed form for a token that always leads', () => {
    const traces = new TraceCredit(options);
    const p = 0.75;
    const seen: [number, number][] = [];
    for (let step = 0; step < 200; step++) {
      traces.update(3, logitsOf(p), step);
      const credit = traces.of(3).get(0)!;
      expect(credit).toBeCloseTo((p ** 0.2 * (1 - 0.8 ** (step + 1))) / (1 - 0.8), 6);
      const fused = logitsOf(p);
      traces.fuse(3, fused);
      const [a, b] = Array.from(fused, Math.exp);
      expect(a / b).toBeCloseTo((p / (1 - p)) * (1 + credit) ** 0.7, 4);
      seen.push([credit, a / (a + b)]);
    }
    expect(seen[0][0]).toBeCloseTo(0.944, 3);
    expect(seen[2][0]).toBeCloseTo(2.304, 3);
    expect(seen[0][1]).toBeCloseTo(0.827, 3);
    expect(seen[2][1]).toBeCloseTo(0.874, 3);
    expect(seen.findIndex(([, confidence]) => confidence >= 0.9)).toBe(7);
  });

  const anyTrace = fc.array(
    fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 4, maxLength: 4 }),
    { minLength: 1, maxLength: 24 },
  );

  it('holds what a dense matrix holds, in all what leading tokens have earned, and never more than 1 / (1 - β)', () => {
    fc.assert(
      fc.property(anyTrace, fc.constantFrom(0, 0.5, 0.8, 0.95), (trace, creditDecay) => {
        const traces = new TraceCredit({ ...options, creditDecay });
        const dense = new Float64Array(4);
        let earned = 0;
        for (const [step, values] of trace.entries()) {
          const logits = Float32Array.from(values);
          traces.update(0, logits, step);
          const weights = Array.from(logits, Math.exp);
          const p = Math.max(...weights) / weights.reduce((sum, weight) => sum + weight, 0);
          for (let v = 0; v < 4; v++) dense[v] *= creditDecay;
          dense[logits.indexOf(Math.max(...logits))] += p ** 0.2;
          earned = earned * creditDecay + p ** 0.2;
        }
        const credit = Array.from(dense, (_, token) => traces.of(0).get(token) ?? 0);
        for (let v = 0; v < 4; v++) expect(credit[v]).toBeCloseTo(dense[v], 6);
        expect(credit.reduce((sum, value) => sum + value, 0)).toBeCloseTo(earned, 6);
        expect(Math.max(...credit)).toBeLessThanOrEqual(1 / (1 - creditDecay) + 1e-9);
      }),
    );
  });

  it('fades with the steps that pass, and forgets all when another block begins', () => {
    const traces = new TraceCredit(options);
    traces.enter(0);
    traces.update(1, logitsOf(0.6), 0);
    traces.update(1, logitsOf(0.3), 3);
    expect(traces.of(1).get(0)).toBeCloseTo(0.6 ** 0.2 * 0.8 ** 3, 6);
    traces.enter(0);
    expect(traces.of(1).size).toBe(2);
    traces.enter(1);
    expect(traces.of(1).size).toBe(0);
  });
});
