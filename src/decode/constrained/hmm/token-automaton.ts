/** A constraint as a finite automaton over whole tokens: every state that answers can reach, and where each token leads. */

import { QuickstepError } from '../../../errors.ts';
import { allows, type TokenState } from '../token-constraint.ts';

/** Marks a token that may not come next. */
export const nowhere = -1;

export interface TokenAutomaton {
  /** The number of a state by its key; the first is the start. */
  readonly numbers: ReadonlyMap<number, number>;
  /** By state: where each token leads, [vocabulary]. */
  readonly targets: readonly Int32Array[];
  /** By state: whether the answer may end there. */
  readonly accepts: readonly boolean[];
}

/** States at most, and states times tokens: 256 MB. */
const maxStates = 2_000;
const maxCells = 64 * 1024 * 1024;

/**
 * All states behind `start`.
 * @param vocabulary Number of tokens.
 * @throws QuickstepError 'unsupported' when there are too many: languages of nested brackets have no end of them
 */
export function tokenAutomaton(start: TokenState, vocabulary: number): TokenAutomaton {
  const numbers = new Map([[start.key, 0]]);
  const states = [start];
  const targets: Int32Array[] = [];
  for (let number = 0; number < states.length; number++) {
    const state = states[number];
    const mask = state.mask();
    const row = new Int32Array(vocabulary).fill(nowhere);
    for (let token = 0; token < vocabulary; token++) {
      const next = allows(mask, token) ? state.advance(token) : undefined;
      if (!next) continue;
      let target = numbers.get(next.key);
      if (target === undefined) {
        target = states.length;
        numbers.set(next.key, target);
        states.push(next);
      }
      row[token] = target;
    }
    targets.push(row);
    if (states.length > maxStates || states.length * vocabulary > maxCells) {
      const hint = 'Give a regular expression, with small numbers of repetitions.';
      throw new QuickstepError('unsupported', 'The format has too many states to plan ahead in.', hint);
    }
  }
  return { numbers, targets, accepts: states.map(({ accepts }) => accepts) };
}
