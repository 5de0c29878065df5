/**
 * Random test cases for every operator: shapes with symbolic and broadcast sizes (symbols are bound to 0 and 1 too),
 * element types and attributes. A new operator without a case does not compile. Test support; not part of the package.
 */

import type { OpKind } from '../../ops.ts';
import type { Cases } from '../arbitraries.ts';
import { elementwise } from './elementwise.ts';
import { layers } from './layers.ts';
import { layout } from './layout.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';

export const operatorCases: { readonly [K in OpKind]: Cases } = {
  ...elementwise,
  ...reductions,
  ...layout,
  ...products,
  ...layers,
};
