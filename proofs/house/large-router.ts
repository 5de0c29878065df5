/**
 * The router of Arbitrage begun as all of house-causal, which is four times the draft, in place of the draft:
 *   npx tsx src/cli/main.ts train ./proofs/house/large-router.ts --steps 2400 --out runs/large-router
 *   npx tsx proofs/arbitrage-confidence.ts --router runs/large-router/model
 */

import { arbitrageRecipe } from '../../src/train/recipes/arbitrage.ts';

export default arbitrageRecipe({
  draft: 'house-draft',
  target: 'house-causal',
  start: { model: 'house-causal' },
});
