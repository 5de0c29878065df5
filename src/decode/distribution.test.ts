/**
 * Samples of whole answers against exact probabilities: chi-square over every answer of a small language. Seeds are
 * fixed, so a failure is a fault, not bad luck.
 */

import { describe, expect, it } from 'vitest';
import type { Method } from './method.ts';
import { findMethod } from './registry.ts';
import { chiSquareTest } from './sampling/chi-square.ts';
import type { NextLogits } from './testing/cached-context.ts';
import { decodeTokens } from './testing/decode-tokens.ts';
import { markovModel } from './testing/markov.ts';

const vocabulary = 5;
const answerLength = 3;
const draws = 2500;
const language = markovModel(5, vocabulary, 1);

/** Begins like the text before it, so that drafts are made. */
const prompt = [0, 1, 2, 3, 0, 1, 2, 4, 0, 1];

/** Probability of each answer, [vocabulary ** answerLength], by the definition of the options. */
function exact(temperature: number, topK: number): number[] {
  let answers = [{ tokens: [] as number[], probability: 1 }];
  for (let position = 0; position < answerLength; position++) {
    answers = answers.flatMap(({ tokens, probability }) => {
      const logits = language([...prompt, ...tokens]);
      const kept = [...logits].toSorted((a, b) => b - a)[topK - 1];
      const weights = Array.from(logits, (logit) => (logit >= kept ? Math.exp(logit / temperature) : 0));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return weights.map((weight, token) => ({
        tokens: [...tokens, token],
        probability: (probability * weight) / total,
      }));
    });
  }
  return answers.map(({ probability }) => probability);
}

/** A language like it, for drafts: as near as makes half of them right. */
const draft: NextLogits = (context) => {
  const other = markovModel(6, vocabulary, 1)(context);
  return language(context).map((logit, id) => 0.5 * logit + 0.5 * other[id]);
};

async function count({ method, methodOptions, temperature, topK }: Case) {
  const counts = new Array<number>(vocabulary ** answerLength).fill(0);
  let accepted = 0;
  for (let seed = 0; seed < draws; seed++) {
    const { run } = await decodeTokens(method, language, {
      prompt,
      maxTokens: answerLength,
      sampling: { temperature, topK, seed },
      methodOptions,
      draft: method.draft ? draft : undefined,
    });
    counts[run.generated.reduce((index, token) => index * vocabulary + token, 0)]++;
    accepted += run.statistics.accepted;
  }
  return { counts, accepted };
}

interface Case {
  method: Method;
  methodOptions: Record<string, unknown>;
  temperature: number;
  topK: number;
}

const fixed = { draftTokens: 2, length: 'fixed' };
const runs = [
  { slug: 'sample', methodOptions: {} },
  { slug: 'prompt-lookup', methodOptions: {} },
  { slug: 'draft-alignment', methodOptions: { ...fixed, accept: 'match' } },
  { slug: 'draft-alignment', methodOptions: { ...fixed, accept: 'resample' } },
  { slug: 'draft-alignment', methodOptions: { ...fixed, accept: 'resample', width: 3 } },
  { slug: 'draft-alignment', methodOptions: { accept: 'resample', width: 2 } },
];
const cases = runs.flatMap((run) => [
  { ...run, temperature: 1, topK: vocabulary },
  { ...run, temperature: 0.8, topK: 3 },
]);

describe('samples follow the exact distribution', () => {
  it.each(cases)(
    '$slug $methodOptions at temperature $temperature, top-k $topK',
    async ({ slug, ...rest }) => {
      const { temperature, topK } = rest;
      const { counts, accepted } = await count({ method: findMethod(slug), ...rest });
      expect(chiSquareTest(counts, exact(temperature, topK)).p).toBeGreaterThan(0.001);
      // The test would notice another temperature.
      expect(chiSquareTest(counts, exact(temperature * 1.25, topK)).p).toBeLessThan(1e-4);
      if (slug !== 'sample') expect(accepted).toBeGreaterThan(draws / 20);
    },
  );

  it('and the test notices a rule that is not exact', async () => {
    const options = { method: findMethod('draft-alignment'), temperature: 1, topK: vocabulary };
    const { counts } = await count({ ...options, methodOptions: { ...fixed, accept: 'typical' } });
    expect(chiSquareTest(counts, exact(1, vocabulary)).p).toBeLessThan(1e-9);
  });
});
