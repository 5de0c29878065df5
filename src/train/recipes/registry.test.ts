import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isPlainName } from '../../weights/known-models.ts';
import { findRecipe, recipes } from './registry.ts';

const folder = await mkdtemp(join(tmpdir(), 'quickstep-recipes-'));
afterAll(() => rm(folder, { recursive: true }));

async function module(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}
const fields = (slug: string) =>
  `{ slug: '${slug}', title: 'Mine', summary: 'Mine.', seed: 1, prepare: async () => ({}) }`;

describe('findRecipe', () => {
  it('finds every built-in recipe by its slug', async () => {
    for (const [slug, recipe] of recipes) {
      expect(await findRecipe(slug)).toBe(recipe);
      expect(recipe.slug).toBe(slug);
      expect(isPlainName(slug)).toBe(true);
    }
  });

  it('takes the default export of a module', async () => {
    const path = await module('mine.mjs', `export default ${fields('mine')};`);
    expect(await findRecipe(path)).toMatchObject({ slug: 'mine', seed: 1 });
  });

  it.each([
    ['house-causl', 'not-found', /^There is no recipe "house-causl"\. Recipes: house-causal, /],
    [join(folder, 'nowhere.mjs'), 'not-found', /^There is no file /],
  ])('says that there is no %s', async (name, code, message) => {
    await expect(findRecipe(name)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it.each([
    ['nothing.mjs', 'export const recipe = 1;', /exports no recipe\. Export one/],
    ['null.mjs', 'export default null;', /exports no recipe\./],
    ['partial.mjs', `export default { slug: 'partial' };`, /exports no recipe\./],
    ['path.mjs', `export default ${fields('../../etc')};`, /exports no recipe\./],
    ['throws.mjs', `throw new Error('not today');`, /cannot be imported: not today/],
    ['imports.mjs', `import 'no-such-package-at-all';`, /cannot be imported: .*no-such-package-at-all/],
  ])('refuses %s', async (name, text, message) => {
    const path = await module(name, text);
    await expect(findRecipe(path)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringMatching(message),
    });
  });
});
