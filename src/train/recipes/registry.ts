/** All recipes by slug, and recipes from a user's own file. */

import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QuickstepError } from '../../errors.ts';
import type { Recipe } from '../recipe.ts';
import { houseCausal, houseDraft } from './house-causal.ts';
import { houseDiffusion } from './house-diffusion.ts';

const all: readonly Recipe[] = [houseCausal, houseDraft, houseDiffusion];

export const recipes: ReadonlyMap<string, Recipe> = new Map(all.map((recipe) => [recipe.slug, recipe]));

/**
 * A built-in recipe by slug, or the default export of a module by path.
 * @throws QuickstepError 'not-found' when there is neither; 'bad-file' when the module exports no recipe.
 */
export async function findRecipe(name: string): Promise<Recipe> {
  const recipe = recipes.get(name);
  if (recipe) return recipe;
  const path = resolve(name);
  const hint = `Recipes: ${[...recipes.keys()].join(', ')}; or give the path of a module.`;
  if (!/\.[cm]?[jt]s$/.test(name))
    throw new QuickstepError('not-found', `There is no recipe "${name}".`, hint);
  try {
    await access(path);
  } catch (cause) {
    throw new QuickstepError('not-found', `There is no file ${name}.`, hint, { cause });
  }
  const module = (await import(pathToFileURL(path).href)) as { default?: Partial<Recipe> };
  if (typeof module.default?.slug === 'string' && typeof module.default.prepare === 'function')
    return module.default as Recipe;
  throw new QuickstepError(
    'bad-file',
    `${name} exports no recipe.`,
    'Export one: export default defineRecipe({ ... }).',
  );
}
