/** Texts of a language in a given number of tokens: what stands in a place of fixed width on a canvas. */

import { nowhere, type TokenAutomaton, tokenAutomaton } from './hmm/token-automaton.ts';
import type { Mask } from './masks.ts';
import type { TokenConstraint } from './token-constraint.ts';

export class ExactLength {
  readonly #automaton: TokenAutomaton;
  readonly #vocabulary: number;
  /** [tokens][state] Whether an answer of just so many tokens may follow. */
  readonly #completes: boolean[][];
  readonly #masks = new Map<string, Mask>();

  /** @throws QuickstepError 'unsupported' for a language with too many states, see `tokenAutomaton` */
  constructor(constraint: TokenConstraint) {
    this.#vocabulary = constraint.vocabulary.size;
    this.#automaton = tokenAutomaton(constraint.start(), this.#vocabulary);
    this.#completes = [[...this.#automaton.accepts]];
  }

  /** Whether the language has a text of `tokens` tokens. */
  fits(tokens: number): boolean {
    return this.#completesIn(tokens)[0];
  }

  /** The beginning of a text. */
  start(): ExactState {
    return new ExactState(this, 0);
  }

  /** Tokens that leave `left` - 1 to go. The mask is shared. */
  mask(state: number, left: number): Mask {
    const key = `${state} ${left}`;
    let mask = this.#masks.get(key);
    if (!mask) {
      const after = this.#completesIn(left - 1);
      const bits = new Uint32Array(Math.ceil(this.#vocabulary / 32));
      this.#automaton.targets[state].forEach((target, token) => {
        if (target !== nowhere && after[target]) bits[token >> 5] |= 1 << (token & 31);
      });
      mask = { bits, farthest: 0 };
      this.#masks.set(key, mask);
    }
    return mask;
  }

  /** The state behind a token; `nowhere` when it may not stand there. */
  target(state: number, token: number): number {
    return this.#automaton.targets[state][token];
  }

  #completesIn(tokens: number): boolean[] {
    const { targets } = this.#automaton;
    while (this.#completes.length <= tokens) {
      const before = this.#completes[this.#completes.length - 1];
      this.#completes.push(targets.map((row) => row.some((target) => target !== nowhere && before[target])));
    }
    return this.#completes[tokens];
  }
}

/** The beginning of a text in a place. Immutable. */
export class ExactState {
  readonly #language: ExactLength;
  readonly #state: number;

  constructor(language: ExactLength, state: number) {
    this.#language = language;
    this.#state = state;
  }

  /** Tokens that may come next when the text has `left` more, this one included. */
  mask(left: number): Mask {
    return this.#language.mask(this.#state, left);
  }

  /** The state after a token; undefined when it may not come next. */
  advance(token: number): ExactState | undefined {
    const target = this.#language.target(this.#state, token);
    return target === nowhere ? undefined : new ExactState(this.#language, target);
  }
}
