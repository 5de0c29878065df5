/** Texts of the tokens in a run's steps, each told once. */

import type { Step } from '../../../src/decode/step.ts';
import type { Tokenizer } from '../../../src/text/tokenizer.ts';

export class TokenTexts {
  readonly #tokenizer: Tokenizer;
  readonly #told = new Set<number>();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Texts of the tokens of a step that are new. */
  of({ committed, proposed, canvas = [] }: Step): [number, string][] {
    const tokens = [...committed.map(({ token }) => token), ...proposed.map(({ token }) => token), ...canvas];
    const fresh = [...new Set(tokens)].filter((token) => token >= 0 && !this.#told.has(token));
    return fresh.map((token) => {
      this.#told.add(token);
      return [token, this.#tokenizer.decode([token], { skipSpecialTokens: false, continues: true })];
    });
  }
}
