/** Evaluation with stories260k, which solves nothing: what counts here is the counting. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate, promptTokens } from '../decode/generate.ts';
import { loadStories } from '../decode/testing/models.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { type Evaluation, evaluate, evaluationPrompt } from './evaluate.ts';
import { fileProblems, type ProblemSet, testProblems } from './problem-set.ts';
import { findTask } from './registry.ts';

const countdown = testProblems(findTask('countdown'), { seed: 1 });
/** Problems whose every second answer counts as right. */
const lenient: ProblemSet = { ...countdown, check: ({ prompt }) => Number(prompt.at(-2)) % 2 === 0 };
const seconds = expect.any(Number);

describe('evaluate', () => {
  let model: LanguageModel;
  let masked: LanguageModel;
  beforeAll(async () => {
    model = await loadStories('w8a8');
    masked = await loadStories('w8a8', { masked: true, chatTemplate: '{{ messages[0].content }}' });
  });
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    await masked[Symbol.asyncDispose]();
  });

  it('counts answers, and what they took', async () => {
    const evaluation = await evaluate(model, countdown, { samples: 5, batch: 2, maxTokens: 6 });
    const prompts = [0, 1, 2, 3, 4].map((i) =>
      promptTokens(model, evaluationPrompt(model, [], countdown.at(i))),
    );
    const expected: Evaluation = {
      model: 'stories260k',
      task: 'countdown',
      level: 1,
      method: 'greedy',
      samples: 5,
      seed: 1,
      correct: 0,
      accuracy: 0,
      low: 0,
      high: expect.closeTo(0.4345, 4) as unknown as number,
      steps: 30,
      forwards: 30,
      // The last token of an answer is run no more.
      rows: prompts.flat().length + 5 * 5,
      tokens: 30,
      seconds: seconds as unknown as number,
    };
    expect(evaluation).toEqual(expected);
    expect(Object.keys(evaluation)).toEqual(Object.keys(expected));
  });

  it('says the same whatever the batch size', async () => {
    const options = { samples: 7, maxTokens: 12, method: 'prompt-lookup', methodOptions: { draftTokens: 3 } };
    const [one, three, all] = await Promise.all(
      [1, 3, 100].map((batch) => evaluate(model, lenient, { ...options, batch })),
    );
    const right = Array.from({ length: 7 }, (_, i) => lenient.check(lenient.at(i), '')).filter(
      Boolean,
    ).length;
    expect(one).toMatchObject({ correct: right, accuracy: right / 7, method: 'prompt-lookup' });
    expect(three).toEqual({ ...one, seconds });
    expect(all).toEqual({ ...one, seconds });
  });

  it('tells of each answer, and of each batch', async () => {
    const finished: number[] = [];
    const batches: number[] = [];
    const texts: string[] = [];
    const last = await evaluate(model, countdown, {
      samples: 5,
      batch: 2,
      maxTokens: 4,
      onProgress: (count, samples) => finished.push(count) && expect(samples).toBe(5),
      onBatch(soFar, answers) {
        batches.push(soFar.samples);
        texts.push(...answers.map(({ text }) => text));
      },
    });
    expect(finished).toEqual([1, 2, 3, 4, 5]);
    expect(batches).toEqual([2, 4, 5]);
    expect(last.samples).toBe(5);
    const prompt = `${countdown.at(4).prompt}\n`;
    expect(texts[4]).toBe((await generate(model, prompt, { maxTokens: 4 }).result).text);
  });

  it('stops at an abort, with whole batches told of', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let known: Evaluation | undefined;
    const evaluation = evaluate(model, countdown, {
      samples: 100,
      batch: 2,
      maxTokens: 4,
      signal: controller.signal,
      onProgress: (finished) => finished === 5 && controller.abort(reason),
      onBatch: (soFar) => {
        known = soFar;
      },
    });
    await expect(evaluation).rejects.toBe(reason);
    // The fifth and sixth answer end in one forward, after which nothing is left to stop; the next batch is not begun.
    expect(known?.samples).toBe(6);
  });

  it('runs models that fill a canvas', async () => {
    const evaluation = await evaluate(masked, countdown, { samples: 3, batch: 2, maxTokens: 8 });
    expect(evaluation).toMatchObject({ method: 'diffusion', samples: 3 });
    expect(evaluation.forwards).toBeGreaterThan(0);
  });

  it('shows solved problems first, as text or as turns', async () => {
    const shots = [{ prompt: 'P', answer: 'A' }];
    const problem = { prompt: 'Q', answer: 'B' };
    expect(evaluationPrompt(model, shots, problem)).toBe('P\nA\n\nQ\n');
    expect(evaluationPrompt(masked, shots, problem)).toEqual([
      { role: 'user', content: 'P' },
      { role: 'assistant', content: 'A' },
      { role: 'user', content: 'Q' },
    ]);
    const evaluation = await evaluate(model, countdown, { samples: 2, shots: 2, maxTokens: 4 });
    expect(evaluation.samples).toBe(2);
  });

  it('ends with the file', async () => {
    const line = JSON.stringify({ question: 'How many?', answer: '#### 3' });
    const file = fileProblems([line, line, line].join('\n'), 'three', { seed: 0 });
    const evaluation = await evaluate(model, file, { shots: 1, maxTokens: 2 });
    expect(evaluation).toMatchObject({ task: 'three', level: null, samples: 2 });
    await expect(evaluate(model, file, { shots: 3 })).rejects.toMatchObject({ code: 'bad-option' });
  });

  it.each([
    { samples: 0 },
    { samples: 1.5 },
    { batch: 0 },
    { shots: -1 },
    { maxTokens: -1 },
    { method: 'x' },
  ])('refuses %o', async (options) => {
    const error = evaluate(model, countdown, options);
    await expect(error).rejects.toMatchObject({ code: expect.stringMatching(/^(bad-option|not-found)$/) });
  });

  it('refuses options nobody knows', async () => {
    const options = { sampels: 3 } as object;
    await expect(evaluate(model, countdown, options)).rejects.toMatchObject({ code: 'bad-option' });
  });
});
