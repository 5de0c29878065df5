/** A constraint along the answers of one run, and as a logits processor: every method that chooses from shaped logits decodes under it. */

import { QuickstepError } from '../../errors.ts';
import type { LogitsProcessor } from '../sampling/processors.ts';
import type { Mask } from './masks.ts';
import { keepAllowed, type TokenConstraint, type TokenState } from './token-constraint.ts';

/** The beginning of an answer, and those that go on from it. */
interface Beginning {
  readonly state: TokenState;
  readonly next: Map<number, Beginning>;
}

/**
 * A constraint on a run's answers. What has been asked about is kept as a tree of beginnings, so beams, drafts and draws,
 * whatever their order, each find their own state.
 */
export class AnswerConstraint {
  readonly constraint: TokenConstraint;
  readonly #maxTokens: number;
  readonly #root: Beginning;

  /** @param maxTokens Longest answer: near it, the answer is led to an end that fits. */
  constructor(constraint: TokenConstraint, maxTokens: number) {
    this.constraint = constraint;
    this.#maxTokens = maxTokens;
    this.#root = { state: constraint.start(), next: new Map() };
  }

  /**
   * The state behind the tokens generated so far.
   * @throws QuickstepError 'unsupported' when the constraint rules one of them out
   */
  state(generated: ArrayLike<number>): TokenState {
    let beginning = this.#root;
    for (let i = 0; i < generated.length; i++) beginning = follow(beginning, generated[i]);
    return beginning.state;
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
