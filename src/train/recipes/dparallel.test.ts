/** The recipe of certainty forcing, with answers that a teacher of random weights is said to have given. */

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { generate } from '../../decode/generate.ts';
import { load } from '../../models/load.ts';
import { openTrainable } from '../open-trainable.ts';
import { writeTinyDiffusion } from '../testing/tiny-diffusion.ts';
import { trainRecipe } from '../train-recipe.ts';
import { certaintyRecipe, exampleOf } from './dparallel.ts';
import { lessons } from './teacher.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-dparallel-'));
afterAll(() => rm(root, { recursive: true }));
const teacher = join(root, 'teacher');
beforeAll(() => writeTinyDiffusion(teacher));

const recipe = (beta = 2) =>
  certaintyRecipe({ slug: 'tiny', title: 'Tiny', summary: 'Tiny.', teacher, beta });

/** Writes the answers of the tasks themselves into a run's folder, as if the teacher had given them. */
async function writeRightAnswers(folder: string, steps: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const trainable = await openTrainable(teacher);
  const count = Math.ceil((steps * 16) / 3);
  const make = async (
    _model: unknown,
    all: readonly { problem: { prompt: string; answer: string }; canvas: number }[],
  ) =>
    all.map(({ problem, canvas }) => {
      const { tokens, answerStart } = trainable.encode(problem);
      const answer = [...tokens.subarray(answerStart)];
      const padded = Math.min(canvas, Math.ceil(answer.length / 32) * 32);
      return {
        tokens: [...answer, ...new Array<number>(padded - answer.length).fill(trainable.pad)],
        right: true,
      };
    });
  const schema = z.object({ tokens: z.array(z.number()), right: z.boolean() });
  await lessons({ teacher, trainable, file: 'answers.jsonl', count, schema, make }, { seed: 3, folder });
}

describe('an example', () => {
  it('is the prompt with the answer, and end tokens behind its end', () => {
    const { tokens, answerStart } = exampleOf([5, 6], [7, 8, 0, 9, 0, 4], 0);
    expect([...tokens]).toEqual([5, 6, 7, 8, 0, 0, 0, 0]);
    expect(answerStart).toBe(2);
    expect([...exampleOf([5], [7, 8], 0).tokens]).toEqual([5, 7, 8]);
  });
});

describe('the recipe', () => {
  it('trains on the answers in the folder, to a model of the same form', async () => {
    const folder = join(root, 'run');
    const steps = 15;
    await writeRightAnswers(folder, steps);
    const told: number[] = [];
    const { log, model } = await trainRecipe(recipe(), {
      folder,
      steps,
      threads: 1,
      onAnswers: (done) => told.push(done),
    });
    expect(told).toEqual([]);
    const loss = (part: typeof log) =>
      part.reduce((sum, { metrics }) => sum + metrics.crossEntropy, 0) / part.length;
    expect(loss(log.slice(-5))).toBeLessThan(loss(log.slice(0, 5)));
    const [before, after] = await Promise.all(
      [teacher, model].map(async (path) => JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))),
    );
    expect(after).toEqual(before);
    await using language = await load(model, { threads: 1 });
    const options = { method: 'dparallel', maxTokens: 16 };
    const { tokens } = await generate(language, [{ role: 'user', content: '1+1' }], options).result;
    expect(tokens.length).toBeGreaterThan(0);
  });

  it('goes on after an abort to the same weights', async () => {
    const [whole, parts] = [join(root, 'whole'), join(root, 'parts')];
    for (const folder of [whole, parts]) await writeRightAnswers(folder, 4);
    await trainRecipe(recipe(), { folder: whole, steps: 4, threads: 1 });
    const control = new AbortController();
    const stopped = trainRecipe(recipe(), {
      folder: parts,
      steps: 4,
      threads: 1,
      signal: control.signal,
      onStep: ({ step }) => step === 2 && control.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    await trainRecipe(recipe(), { folder: parts, steps: 4, threads: 1 });
    const weights = (folder: string) => readFile(join(folder, 'model', 'model.safetensors'));
    expect(await weights(parts)).toEqual(await weights(whole));
  });

  it('asks the teacher for what is missing, and says so when none of it is right', async () => {
    const told: number[] = [];
    const folder = join(root, 'hopeless');
    const trained = trainRecipe(recipe(), {
      folder,
      steps: 1,
      threads: 1,
      onAnswers: (done) => told.push(done),
    });
    await expect(trained).rejects.toMatchObject({
      code: 'no-progress',
      message: expect.stringContaining('none of 6'),
    });
    expect(told).toEqual([0, 6]);
    const lines = (await readFile(join(folder, 'answers.jsonl'), 'utf8')).trimEnd().split('\n');
    for (const line of lines.slice(1)) expect(JSON.parse(line)).toMatchObject({ right: false });
  });

  it('stops generating when aborted, and keeps what it has', async () => {
    const control = new AbortController();
    const folder = join(root, 'aborted');
    const trained = trainRecipe(recipe(), {
      folder,
      steps: 10,
      threads: 1,
      signal: control.signal,
      onAnswers: (done) => done > 0 && control.abort(new Error('enough')),
    });
    await expect(trained).rejects.toThrow('enough');
    const lines = (await readFile(join(folder, 'answers.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.length).toBeLessThan(54);
  });
});
