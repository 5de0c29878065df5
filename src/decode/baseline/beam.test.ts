/**
 * Beam search against transformers on a trained checkpoint, against exhaustive search where the beams are enough
 * to hold everything, and its limits. Golden answers are made by tools/golden_beam.py.
 */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { generate, type Result } from '../generate.ts';
import { logSoftmaxAt } from '../sampling/softmax.ts';
import type { NextLogits } from '../testing/cached-context.ts';
import { decodeTokens } from '../testing/decode-tokens.ts';
import { loadStories, prompts } from '../testing/models.ts';
import { beamSearch } from './beam.ts';
import { greedy } from './greedy.ts';

interface GoldenCase {
  prompt: number[];
  /** End tokens beside the model's own. */
  eos?: number[];
  options: { beams: number; lengthPenalty?: number; earlyStopping?: boolean };
  limits: { maxTokens: number; minTokens?: number };
  ids: number[];
  score: number;
}

const file = new URL('./beam.golden.json', import.meta.url);
const golden = JSON.parse(readFileSync(file, 'utf8')) as GoldenCase[];

/** Sum of log probabilities / length^penalty. */
const scoreOf = ({ committed }: Pick<Result, 'committed'>, penalty = 1) =>
  committed.reduce((sum, { probability }) => sum + Math.log(probability), 0) / committed.length ** penalty;

describe('beam search on stories260k in float32', () => {
  const models = new Map<string, LanguageModel>();
  /** The model with more end tokens. */
  const ending = (eos?: number[]) => models.get(JSON.stringify(eos))!;
  beforeAll(async () => {
    for (const { eos } of golden) {
      const key = JSON.stringify(eos);
      if (!models.has(key)) models.set(key, await loadStories('fp32', { eosIds: eos }));
    }
  });
  afterAll(async () => {
    for (const model of models.values()) await model[Symbol.asyncDispose]();
  });

  it.each(golden)(
    'answers as transformers: $options, $limits, ends at $eos',
    async ({ prompt, eos, options, limits, ids, score }) => {
      const result = await generate(
        ending(eos),
        { tokens: prompt },
        { method: 'beam-search', methodOptions: options, ...limits },
      ).result;
      expect(result.tokens).toEqual(ids);
      expect(scoreOf(result, options.lengthPenalty)).toBeCloseTo(score, 3);
    },
  );

  it.each([
    [[426], {}, {}],
    [[426], {}, { repetitionPenalty: 1.3 }],
    [[426], {}, { logitBias: { 426: 3 }, minTokens: 6 }],
    [golden.at(-1)!.eos, { lengthPenalty: 3 }, {}],
  ])('is greedy decoding with one beam: ends %o, %o, %o', async (eos, methodOptions, sampling) => {
    for (const prompt of prompts) {
      const run = { ...sampling, maxTokens: 48 };
      const beam = { ...run, method: 'beam-search', methodOptions: { ...methodOptions, beams: 1 } };
      const one = await generate(ending(eos), prompt, beam).result;
      const plain = await generate(ending(eos), prompt, { ...run, method: greedy }).result;
      expect(one.tokens).toEqual(plain.tokens);
      expect(scoreOf(one)).toBeCloseTo(scoreOf(plain), 4);
    }
  });

  it('finds answers that are at least as probable with more beams, over several prompts', async () => {
    const totals: number[] = [];
    for (const beams of [1, 2, 8]) {
      let total = 0;
      for (const prompt of prompts) {
        const options = { method: 'beam-search', methodOptions: { beams }, maxTokens: 24 };
        total += scoreOf(await generate(ending(), prompt, options).result, 0);
      }
      totals.push(total);
    }
    expect(totals).toEqual(totals.toSorted((a, b) => a - b));
  });

  it('ends a beam at a stop string, and cuts it off', async () => {
    const options = { method: 'beam-search', maxTokens: 60 };
    const stop = ['.'];
    const { text, finish, tokens } = await generate(ending(), prompts[0], { ...options, stop }).result;
    expect(finish).toBe('stop');
    expect(text).not.toContain('.');
    // A stop string that is one token ends beams where an end token would.
    const ended = await generate(ending([426]), prompts[0], options).result;
    expect(tokens).toEqual(ended.tokens);
  });

  it('shares what beams have in common', async () => {
    const long = `${prompts[1]} `.repeat(3);
    const promptTokens = ending().tokenizer.encode(long).length;
    const generation = generate(ending(), long, { method: 'beam-search', maxTokens: 20 });
    for await (const { slots, step } of generation) {
      expect(slots).toBeLessThanOrEqual(promptTokens + 4 * (step - 1));
    }
  });

  it('refuses to sample', () => {
    expect(() => generate(ending(), 'x', { method: 'beam-search', temperature: 1 })).toThrow(QuickstepError);
  });
});

describe('beam search with room for every answer', () => {
  const vocabulary = 3;
  const eos = 2;
  const maxTokens = 3;

  /** Logits of contexts of up to two answer tokens, [13][vocabulary]. */
  const tables = fc.array(
    fc.array(fc.integer({ min: -400, max: 400 }), { minLength: vocabulary, maxLength: vocabulary }),
    { minLength: 13, maxLength: 13 },
  );
  const modelOf =
    (table: readonly number[][], promptLength: number): NextLogits =>
    (context) => {
      // Contexts are numbered shortest first.
      const row = context.slice(promptLength).reduce((index, token) => vocabulary * index + token + 1, 0);
      return Float32Array.from(table[row], (value) => value / 100);
    };

  /** The best score of all answers, by enumeration. */
  function bestScore(logitsOf: NextLogits, prompt: number[], penalty: number): number {
    let best = Number.NEGATIVE_INFINITY;
    const visit = (answer: number[], logProb: number) => {
      if (answer.length === maxTokens || answer.at(-1) === eos) {
        best = Math.max(best, logProb / answer.length ** penalty);
        return;
      }
      const logits = logitsOf([...prompt, ...answer]);
      for (let token = 0; token < vocabulary; token++) {
        visit([...answer, token], logProb + logSoftmaxAt(logits, token));
      }
    };
    visit([], 0);
    return best;
  }

  it('finds the best answer there is', async () => {
    await fc.assert(
      fc.asyncProperty(tables, fc.constantFrom(0, 1, -0.5, 2), async (table, lengthPenalty) => {
        const prompt = [0, 1];
        const logitsOf = modelOf(table, prompt.length);
        const { steps } = await decodeTokens(beamSearch, logitsOf, {
          prompt,
          maxTokens,
          eosIds: [eos],
          methodOptions: { beams: vocabulary ** maxTokens, lengthPenalty },
        });
        const committed = steps.flatMap((step) => step.committed);
        expect(scoreOf({ committed }, lengthPenalty)).toBeCloseTo(
          bestScore(logitsOf, prompt, lengthPenalty),
          9,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('never commits a token that is ruled out, even when fewer tokens than beams remain', async () => {
    const flat: NextLogits = () => new Float32Array(vocabulary);
    const { run } = await decodeTokens(beamSearch, flat, {
      prompt: [0],
      maxTokens: 5,
      sampling: { logitBias: { 0: Number.NEGATIVE_INFINITY, 2: Number.NEGATIVE_INFINITY } },
      methodOptions: { beams: 4 },
    });
    expect(run.generated).toEqual([1, 1, 1, 1, 1]);
  });

  it('ends at the end of the context', async () => {
    const flat: NextLogits = () => new Float32Array(vocabulary);
    const { run } = await decodeTokens(beamSearch, flat, { prompt: [0, 1], maxTokens: 9, contextLength: 5 });
    expect(run.finish).toBe('context');
    expect(run.generated).toHaveLength(3);
  });
});
