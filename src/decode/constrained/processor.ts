/** A constraint along the answers of one run, and as a logits processor: every method that chooses from shaped logits decodes under it. */

import { QuickstepError } from '../../errors.ts';
import type { LogitsProcessor } from '../sampling/processors.ts';
import type { Mask } from './masks.ts';
import { keepAllowed, type TokenConstraint, type TokenState } from './token-constraint.ts';
import { TokenTree } from './token-tree.ts';

/** A constraint on a run's answers, whatever the order in which a method asks about their beginnings. */
export class AnswerConstraint {
  readonly constraint: TokenConstraint;
  readonly #maxTokens: number;
  readonly #states: TokenTree<TokenState>;

  /** @param maxTokens Longest answer: near it, the answer is led to an end that fits. */
  constructor(constraint: TokenConstraint, maxTokens: number) {
    this.constraint = constraint;
    this.#maxTokens = maxTokens;
    this.#states = new TokenTree(constraint.start(), follow);
  }

  /**
   * The state behind the tokens generated so far.
   * @throws QuickstepError 'unsupported' when the constraint rules one of them out
   */
  state(generated: ArrayLike<number>): TokenState {
    return this.#states.at(generated);
  }

  /** Tokens that may come next; throws as `state`. */
  mask(generated: ArrayLike<number>): Mask {
    return this.state(generated).mask(this.#maxTokens - generated.length);
  }
}

/** Rules out every token that the constraint does not allow after the tokens generated so far. */
export function constraintProcessor(constraint: AnswerConstraint): LogitsProcessor {
  return function constraintMask(logits, { generatedTokens }) {
    keepAllowed(logits, constraint.mask(generatedTokens));
  };
}

function follow(state: TokenState, token: number): TokenState {
  const after = state.advance(token);
  if (after) return after;
  const hint = 'Does the method commit tokens that it did not choose from shaped logits?';
  throw new QuickstepError(
    'unsupported',
    `Token ${token} was chosen although the constraint rules it out.`,
    hint,
  );
}
