/** Gradients of layers that have kernels of their own. */

import type { GradientRules } from '../ops.ts';
import { scalarLike } from './elementwise.ts';
import { sumTo } from './shape.ts';

export const layers = {
  // With n = x r, r = 1 / sqrt(mean(x²) + ε):  ∂x = r (g w - n mean(g w n)),  ∂w = Σ g n.
  rmsNorm: (b, { attributes: { epsilon }, inputs: [x, weight], gradients: [g] }) => {
    const last = x.shape.length - 1;
    const meanSquare = b.reduceMean(b.mul(x, x), [last]);
    const r = b.reciprocal(b.sqrt(b.add(meanSquare, scalarLike(b, epsilon, x))));
    const n = b.mul(x, r);
    const weighted = b.mul(g!, weight);
    const projection = b.reduceMean(b.mul(weighted, n), [last]);
    return [b.mul(b.sub(weighted, b.mul(n, projection)), r), sumTo(b, b.mul(g!, n), weight.shape)];
  },
  // A rotation's transpose is the rotation back.
  rotary: (b, { inputs: [, positions, cos, sin], gradients: [g] }) => [
    b.rotary(g!, positions, cos, b.neg(sin)),
    undefined,
    undefined,
    undefined,
  ],
} satisfies Partial<GradientRules>;
