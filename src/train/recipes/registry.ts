/** All recipes by slug, and recipes from a user's own file. */

import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QuickstepError } from '../../errors.ts';
import { isPlainName } from '../../weights/known-models.ts';
import type { Recipe } from '../recipe.ts';
import { arbitrage } from './arbitrage.ts';
import { cjgrpo } from './cjgrpo.ts';
import { clover, houseClover } from './clover.ts';
import { decoG } from './deco-g.ts';
import { dparallel } from './dparallel.ts';
import { houseCausal, houseDraft } from './house-causal.ts';
import { houseDiffusion } from './house-diffusion.ts';
import { houseDraftAligned } from './house-draft-aligned.ts';
import { houseGraph } from './house-graph.ts';
import { houseNoise } from './house-noise.ts';
import { learn2pd } from './learn2pd.ts';
import { houseMedusa, medusa } from './medusa.ts';
import { houseMedusa2 } from './medusa-2.ts';

const all: readonly Recipe[] = [
  houseCausal,
  houseDraft,
  houseDiffusion,
  houseNoise,
  houseGraph,
  houseDraftAligned,
  learn2pd,
  arbitrage,
  dparallel,
  cjgrpo,
  decoG,
  medusa,
  houseMedusa,
  houseMedusa2,
  clover,
  houseClover,
];

export const recipes: ReadonlyMap<string, Recipe> = new Map(all.map((recipe) => [recipe.slug, recipe]));

/**
 * A built-in recipe by slug, or the default export of a module by path.
 * @throws QuickstepError 'not-found' when there is neither; 'bad-file' when the module cannot be imported or exports no
 * recipe; 'unsupported' for TypeScript that this Node.js cannot import.
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
  const { default: exported } = await importModule(name, path);
  if (isRecipe(exported)) return exported;
  throw new QuickstepError(
    'bad-file',
    `${name} exports no recipe.`,
    'Export one, with slug, title, summary, seed and prepare: export default defineRecipe({ ... }).',
  );
}

async function importModule(name: string, path: string): Promise<{ default?: unknown }> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION') {
      const hint = `Run it through tsx (node --import tsx node_modules/.bin/quickstep train ${name}), or build it to .mjs.`;
      const what = `Node.js ${process.versions.node} cannot import TypeScript: ${name}.`;
      throw new QuickstepError('unsupported', what, hint, { cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuickstepError('bad-file', `${name} cannot be imported: ${reason}.`, '', { cause });
  }
}

/** The slug names folders, so it has to be a plain name. */
function isRecipe(value: unknown): value is Recipe {
  const { slug, title, summary, seed, prepare } = (value ?? {}) as Partial<Record<keyof Recipe, unknown>>;
  return (
    typeof slug === 'string' &&
    isPlainName(slug) &&
    typeof title === 'string' &&
    typeof summary === 'string' &&
    typeof seed === 'number' &&
    typeof prepare === 'function'
  );
}
