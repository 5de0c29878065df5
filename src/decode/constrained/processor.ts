/** A constraint as a logits processor: every method that chooses from shaped logits decodes under it. */

import { QuickstepError } from '../../errors.ts';
import type { LogitsProcessor } from '../sampling/processors.ts';
import type { TokenConstraint, TokenState } from './token-constraint.ts';

/** The beginning of an answer, and those that go on from it. */
interface Beginning {
  readonly state: TokenState;
  readonly next: Map<number, Beginning>;
}

/**
 * Rules out every token that the constraint does not allow after the tokens generated so far. What has been seen is
 * kept as a tree of beginnings, so beams and drafts, whatever their order, each find their own state.
 * @param maxTokens Longest answer: near it, the answer is led to an end that fits.
 */
export function constraintProcessor(constraint: TokenConstraint, maxTokens: number): LogitsProcessor {
  const root: Beginning = { state: constraint.start(), next: new Map() };
  return function constraintMask(logits, { generatedTokens }) {
    let beginning = root;
    for (let i = 0; i < generatedTokens.length; i++) beginning = follow(beginning, generatedTokens[i]);
    const { bits } = beginning.state.mask(maxTokens - generatedTokens.length);
    for (let id = 0; id < logits.length; id++) {
      if (((bits[id >> 5] >>> (id & 31)) & 1) === 0) logits[id] = Number.NEGATIVE_INFINITY;
    }
  };
}

function follow({ state, next }: Beginning, token: number): Beginning {
  const known = next.get(token);
  if (known) return known;
  const after = state.advance(token);
  if (!after) {
    const hint = 'Does the method commit tokens that it did not choose from shaped logits?';
    throw new QuickstepError(
      'unsupported',
      `Token ${token} was chosen although the constraint rules it out.`,
      hint,
    );
  }
  const beginning = { state: after, next: new Map() };
  next.set(token, beginning);
  return beginning;
}
