/** The commit rule that the options ask for: a fixed number of steps, or all that is sure enough. */

import type { Run } from '../../run.ts';
import { layoutOf, refuse, stepsPerBlock } from '../layout.ts';
import { type CanvasOptions, type CommitOptions, checkThreshold } from '../options.ts';
import type { CommitRule } from '../parts.ts';
import { entropyBoundRule } from './entropy-bound.ts';
import { factorRule } from './factor.ts';
import { originRule } from './origin.ts';
import { quotaRule } from './quota.ts';
import { thresholdRule } from './threshold.ts';

/**
 * The rule knows nothing but what it is given, so it may be asked about canvases that never come to be.
 * @throws QuickstepError 'bad-option' when two options contradict each other, or steps do not fit the blocks.
 */
export function commitRule(
  { threshold, factor, entropyBound, steps, order, ...canvas }: CanvasOptions & CommitOptions,
  run: Run,
): CommitRule {
  const rules = Object.entries({ threshold, factor, entropyBound, steps }).filter(
    ([, value]) => value !== undefined,
  );
  if (rules.length > 1) {
    const [[first], [second]] = rules;
    refuse(second, `${first} decides how many are committed`, 'Leave one of the two out.');
  }
  if (threshold !== undefined || factor !== undefined) checkThreshold(rules[0][0], order);
  if (threshold !== undefined) return thresholdRule(threshold);
  if (factor !== undefined) return factorRule(factor);
  if (entropyBound !== undefined) {
    if (order !== 'entropy') refuse('entropyBound', 'it is about entropies', 'Use order entropy.');
    return entropyBoundRule(entropyBound);
  }
  const perBlock = stepsPerBlock(layoutOf(canvas, run), steps);
  return order === 'origin' ? originRule(perBlock) : quotaRule(perBlock);
}
