/** The gradient of every operator, as one exhaustive table; a missing rule does not compile. */

import type { GradientRules } from '../ops.ts';
import { elementwise } from './elementwise.ts';
import { layers } from './layers.ts';
import { layout } from './layout.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';

export const gradientRules: GradientRules = {
  ...elementwise,
  ...reductions,
  ...layout,
  ...products,
  ...layers,
};
