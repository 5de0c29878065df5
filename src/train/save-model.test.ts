import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../decode/generate.ts';
import { load } from '../models/load.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { floatToHalf, halfToFloat } from '../weights/half.ts';
import { tinyRecipe } from './testing/tiny-recipe.ts';
import { train } from './trainer.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-save-model-'));
afterAll(() => rm(root, { recursive: true }));

describe('saveModel', () => {
  it('writes a model that loads and generates', async () => {
    const { plan, save } = await tinyRecipe().prepare({ seed: 1, steps: 2 });
    for await (const _ of train(plan, { identity: { recipe: 'tiny', seed: 1 }, threads: 1 }));
    const folder = join(root, 'model');
    await save(folder, plan.parameters);

    const checkpoint = await openCheckpoint(folder);
    for (const [name, { data }] of plan.parameters)
      expect(await checkpoint.read(name)).toEqual(data.map((value) => halfToFloat(floatToHalf(value))));
    await checkpoint.close();

    await using model = await load(folder, { precision: 'fp32', threads: 1 });
    const answer = generate(model, 'Tom has 3 apples.', { maxTokens: 6, ignoreEos: true });
    expect((await answer.result).tokens).toHaveLength(6);
  });

  it('says that it cannot write', async () => {
    const { plan, save } = await tinyRecipe().prepare({ seed: 1, steps: 1 });
    const file = join(root, 'file');
    await writeFile(file, 'mine');
    await expect(save(file, plan.parameters)).rejects.toMatchObject({ code: 'bad-option' });
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});
