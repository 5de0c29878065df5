/** The recipe of aligned draft models from end to end, on a few answers of house-causal. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openTrainable } from '../open-trainable.ts';
import { saveModel } from '../save-model.ts';
import { trainRecipe } from '../train-recipe.ts';
import { freshWeights, houseModel } from './house.ts';
import { alignedRecipe } from './house-draft-aligned.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-aligned-'));
afterAll(() => rm(root, { recursive: true }));

const house = { draft: 'house-draft', target: 'house-causal', loss: 'tvd++', examplesPerStep: 10 } as const;
const recipe = alignedRecipe({ slug: 'aligned', title: 'Aligned', summary: 'Aligned.', ...house });

describe('the recipe', () => {
  it('learns from answers that the target generates once, and writes a model of the draft alone', async () => {
    const folder = join(root, 'run');
    const told: number[] = [];
    const options = { folder, steps: 2, threads: 1, onAnswers: (done: number) => told.push(done) };
    const { log, model } = await trainRecipe(recipe, options);
    // Nine of ten examples of a step.
    expect(told.at(-1)).toBe(18);
    const lines = (await readFile(join(folder, 'answers.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(19);
    for (const { metrics } of log) {
      expect(metrics.acceptance).toBeGreaterThan(0.8);
      expect(metrics.acceptance).toBeLessThan(1);
    }
    const [before, after] = [await openTrainable('house-draft'), await openTrainable(model)];
    expect([...after.parameters.keys()]).toEqual([...before.parameters.keys()]);
    expect(after.parameters).not.toEqual(before.parameters);

    told.length = 0;
    await trainRecipe(recipe, { ...options, again: true });
    expect(told).toEqual([]);
  });

  it('says so when the target never comes to the end of an answer', async () => {
    const { config, file, files } = await houseModel({
      hiddenSize: 16,
      intermediateSize: 32,
      layers: 1,
      heads: 2,
    });
    const target = join(root, 'target');
    await saveModel(target, freshWeights(config, 1), { config: file, tokenizer: files });
    const hopeless = alignedRecipe({
      slug: 'none',
      title: 'None',
      summary: 'None.',
      draft: target,
      target,
      loss: 'kl',
    });
    await expect(
      trainRecipe(hopeless, { folder: join(root, 'none'), steps: 1, threads: 1 }),
    ).rejects.toMatchObject({
      code: 'no-progress',
    });
  });
});
