/** Several decodings on the same problems, with stories260k, which solves nothing: what counts here is the counting. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadStories } from '../decode/testing/models.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { evaluate } from './evaluate.ts';
import {
  type Decoding,
  differenceOf,
  type Measurement,
  measure,
  type TaskLevel,
  totalsOf,
} from './measure.ts';
import { testProblems } from './problem-set.ts';
import { findTask } from './registry.ts';

const tasks: readonly TaskLevel[] = [
  { task: 'countdown', level: 1, maxTokens: 6 },
  { task: 'json', level: 2, maxTokens: 8 },
];
const decodings: readonly Decoding[] = [
  { label: 'one a step', method: 'diffusion' },
  { label: 'half', method: 'diffusion', options: ({ maxTokens }) => ({ steps: maxTokens / 2 }) },
];
const withoutTime = (measured: readonly Measurement[]) =>
  measured.map(({ tasks: all }) => all.map(({ outcomes }) => outcomes));

describe('measure', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadStories('w8a8', { masked: true });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it('says of each decoding what evaluate says', async () => {
    const progress: string[] = [];
    const measured = await measure(model, tasks, decodings, {
      ...{ samples: 5, seed: 3, batch: 2 },
      onProgress: (finished, problems, label) => progress.push(`${finished}/${problems} ${label}`),
    });
    for (const { decoding, tasks: all } of measured) {
      for (const one of all) {
        const { task, level, maxTokens } = one.task;
        const methodOptions = decoding.label === 'half' ? { steps: maxTokens / 2 } : {};
        const options = { method: 'diffusion', methodOptions, maxTokens, samples: 5 };
        const expected = await evaluate(model, testProblems(findTask(task), { seed: 3, level }), options);
        const { samples, forwards, rows, tokens, steps } = totalsOf([one]);
        const sums = {
          forwards: forwards * samples,
          rows: rows * samples,
          tokens: tokens * samples,
          steps: steps * samples,
        };
        expect({ samples, ...sums }).toEqual({
          samples: 5,
          forwards: expected.forwards,
          rows: expected.rows,
          tokens: expected.tokens,
          steps: expected.steps,
        });
      }
    }
    // In turns of two, two and one problem of each task; who begins changes.
    expect(progress).toEqual([
      ...['0/10 one a step', '0/10 half', '2/10 one a step', '2/10 half'],
      ...['4/10 half', '4/10 one a step', '6/10 half', '6/10 one a step'],
      ...['8/10 one a step', '8/10 half', '9/10 one a step', '9/10 half', '10/10 '],
    ]);
  });

  it('goes on from what was known when it was stopped', async () => {
    const options = { samples: 4, seed: 3, batch: 2 };
    const whole = await measure(model, tasks, decodings, options);
    const controller = new AbortController();
    let known: readonly Measurement[] = [];
    let batches = 0;
    const stopped = measure(model, tasks, decodings, {
      ...options,
      signal: controller.signal,
      onBatch: (soFar) => {
        known = structuredClone(
          soFar.map(({ tasks: all }) => ({ decoding: { label: '', method: '' }, tasks: all })),
        );
        if (++batches === 3) controller.abort(new Error('enough'));
      },
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(known[1].tasks.map(({ outcomes }) => outcomes.length)).toEqual([4, 2]);
    const asked: number[] = [];
    const resumed = await measure(model, tasks, decodings, {
      ...options,
      known,
      onProgress: (finished) => asked.push(finished),
    });
    expect(asked).toEqual([6, 6, 8]);
    expect(withoutTime(resumed)).toEqual(withoutTime(whole));
  });

  it('asks training problems when told to', async () => {
    const [test, train] = await Promise.all(
      (['test', 'train'] as const).map((split) =>
        measure(model, tasks, decodings.slice(0, 1), { samples: 2, seed: 3, split }),
      ),
    );
    expect(withoutTime(test)).not.toEqual(withoutTime(train));
  });

  it('refuses no problems, and tasks there are none of', async () => {
    const error = { code: 'bad-option' };
    await expect(measure(model, tasks, decodings, { samples: 0, seed: 1 })).rejects.toMatchObject(error);
    const unknown = [{ task: 'chess', level: 1, maxTokens: 8 }];
    await expect(measure(model, unknown, decodings, { samples: 1, seed: 1 })).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

describe('totals and differences', () => {
  const outcome = (correct: boolean, forwards: number, tokens: number) => ({
    ...{ correct, forwards, steps: forwards, rows: 10 * forwards },
    tokens: Array<number>(tokens).fill(1),
  });
  const one = { task: tasks[0], outcomes: [outcome(true, 4, 8), outcome(false, 2, 4)], seconds: 2 };
  const two = { task: tasks[1], outcomes: [outcome(true, 3, 6)], seconds: 1 };

  it('adds up', () => {
    expect(totalsOf([one, two])).toMatchObject({
      ...{ samples: 3, correct: 2, accuracy: 2 / 3, forwards: 3, steps: 3, tokens: 6, tokensPerForward: 2 },
      rows: 30,
      seconds: 3,
    });
    expect(totalsOf([])).toMatchObject({ samples: 0, accuracy: 0, forwards: 0, tokensPerForward: 0 });
  });

  it('pairs problem by problem', () => {
    const other = { ...one, outcomes: [outcome(false, 1, 1), outcome(false, 1, 1)] };
    expect(differenceOf([one, two], [other, two])).toMatchObject({
      improved: 1,
      worsened: 0,
      difference: 1 / 3,
    });
  });
});
