/**
 * The control of house-medusa-2: untrained heads, and their loss as heavy as the model's own.
 *   quickstep train ./proofs/house/joint-naive.ts   (through tsx)
 */

import { jointRecipe } from '../../src/train/recipes/medusa-2.ts';

export default jointRecipe({
  slug: 'house-joint-naive',
  title: 'House causal model with Medusa heads, all at once',
  summary: 'house-causal and untrained Medusa heads trained together, without the care of Medusa-2.',
  lambda: 1,
  trainedHeads: false,
});
