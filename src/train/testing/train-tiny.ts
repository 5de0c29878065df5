/** A process that trains the tiny recipe in a folder, for tests that kill it: train-tiny.ts FOLDER STEPS */

import { trainRecipe } from '../train-recipe.ts';
import { tinyRecipe } from './tiny-recipe.ts';

const [folder, steps] = process.argv.slice(2);
await trainRecipe(tinyRecipe({ average: 0.9 }), {
  folder,
  steps: Number(steps),
  saveEvery: 1,
  threads: 1,
  onStart: () => console.log('started'),
});
