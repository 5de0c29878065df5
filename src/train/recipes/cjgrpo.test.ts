/** The recipe of CJ-GRPO on a tiny model of random weights, which solves nothing: that it runs, resumes and saves. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../models/load.ts';
import { evaluate, findTask, testProblems } from '../../tasks/index.ts';
import { writeTinyDiffusion } from '../testing/tiny-diffusion.ts';
import { trainRecipe } from '../train-recipe.ts';
import { policyRecipe } from './cjgrpo.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-cjgrpo-'));
afterAll(() => rm(root, { recursive: true }));
const tiny = join(root, 'tiny');
beforeAll(() => writeTinyDiffusion(tiny));

const recipe = policyRecipe({
  slug: 'tiny',
  title: 'Tiny',
  summary: 'Tiny.',
  model: tiny,
  likelihood: 'trajectory',
});

describe('the recipe', () => {
  it('makes a model that the method decodes', async () => {
    const { log, model } = await trainRecipe(recipe, { folder: join(root, 'run'), steps: 2, threads: 1 });
    expect(log.map(({ step }) => step)).toEqual([1, 2]);
    for (const { metrics } of log) expect(metrics.reward).toBeGreaterThanOrEqual(0);
    await using language = await load(model, { threads: 1 });
    const { samples, forwards } = await evaluate(language, testProblems(findTask('countdown'), { seed: 1 }), {
      method: 'eoser-ass-cjgrpo',
      maxTokens: 32,
      samples: 2,
    });
    expect(samples).toBe(2);
    expect(forwards).toBeLessThanOrEqual(2 * 5);
    const configs = [tiny, model].map((path) => readFile(join(path, 'config.json'), 'utf8').then(JSON.parse));
    expect((await Promise.all(configs))[1]).toEqual((await Promise.all(configs))[0]);
  });
});
