/** Results with chosen figures on a machine of round numbers, for tests. */

import type { AnswerResult, SpeculativeResults } from '../results.ts';

const answer = (seconds: number, tokens: number, more: Partial<AnswerResult> = {}): AnswerResult => ({
  ...{ seconds, first: 0.5, tokens, digest: tokens, drafted: [], accepted: [] },
  ...more,
});

/** Two questions, answered one token at a time, with drafts, and by another engine. */
export const sample: SpeculativeResults = {
  date: '2026-01-02T03:04:05.000Z',
  machine: { processor: 'a processor', cores: 2, platform: 'linux x64', node: 'v20.0.0', load: [0, 2] },
  threads: 2,
  model: 'a model',
  maxTokens: 11,
  seed: 0,
  versions: { engine: '1.0.0' },
  systems: [
    { label: 'greedy', lossless: true },
    { label: 'drafts', lossless: true },
    { label: 'llama.cpp', lossless: false },
  ],
  questions: [
    {
      ...{ id: 1, task: 'qa', promptTokens: 20 },
      answers: [
        answer(1.5, 11, { forwards: 11 }),
        answer(1, 11, { forwards: 6, drafted: [5, 4], accepted: [4, 1] }),
        answer(2.2, 11, { digest: 99 }),
      ],
    },
    {
      ...{ id: 2, task: 'rag', promptTokens: 200 },
      answers: [
        answer(1, 6, { forwards: 6 }),
        answer(0.75, 6, { forwards: 4, drafted: [3], accepted: [2] }),
        answer(1, 5),
      ],
    },
  ],
};
