/**
 * Samples of whole answers against exact probabilities: chi-square over every answer of a small language. Seeds are
 * fixed, so a failure is a fault, not bad luck.
 */

import { describe, expect, it } from 'vitest';
import type { Method } from './method.ts';
import { findMethod } from './registry.ts';
import { chiSquareTest } from './sampling/chi-square.ts';
import { decodeTokens } from './testing/decode-tokens.ts';
import { markovModel } from './testing/markov.ts';

const vocabulary = 5;
const answerLength = 3;
const draws = 4000;
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

async function count(method: Method, temperature: number, topK: number) {
  const counts = new Array<number>(vocabulary ** answerLength).fill(0);
  let accepted = 0;
  for (let seed = 0; seed < draws; seed++) {
    const { run } = await decodeTokens(method, language, {
      prompt,
      maxTokens: answerLength,
      sampling: { temperature, topK, seed },
    });
    counts[run.generated.reduce((index, token) => index * vocabulary + token, 0)]++;
    accepted += run.statistics.accepted;
  }
  return { counts, accepted };
}

describe('samples follow the exact distribution', () => {
  it.each([
    { slug: 'sample', temperature: 1, topK: vocabulary },
    { slug: 'sample', temperature: 0.8, topK: 3 },
    { slug: 'prompt-lookup', temperature: 1, topK: vocabulary },
    { slug: 'prompt-lookup', temperature: 0.8, topK: 3 },
  ])('$slug at temperature $temperature, top-k $topK', async ({ slug, temperature, topK }) => {
    const method = findMethod(slug);
    const { counts, accepted } = await count(method, temperature, topK);
    expect(chiSquareTest(counts, exact(temperature, topK)).p).toBeGreaterThan(0.001);
    // The test would notice another temperature.
    expect(chiSquareTest(counts, exact(temperature * 1.25, topK)).p).toBeLessThan(1e-4);
    if (slug === 'prompt-lookup') expect(accepted).toBeGreaterThan(draws / 20);
  });
});
