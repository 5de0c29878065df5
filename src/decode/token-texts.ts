/** Texts of the tokens in a run's steps, for those who draw a run where its tokenizer is not. */

import type { Tokenizer } from '../text/tokenizer.ts';
import type { Step } from './step.ts';

/** A token by itself as it stands in the middle of a text, special tokens by their names. */
export const tokenText = (tokenizer: Tokenizer, token: number): string =>
  tokenizer.decode([token], { skipSpecialTokens: false, continues: true });

/** Each is told once, with the first step that has its token. */
export class TokenTexts {
  readonly #tokenizer: Tokenizer;
  readonly #told = new Set<number>();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Of the tokens that are new with this step. */
  of({ committed, proposed, canvas = [] }: Step): [token: number, text: string][] {
    const tokens = [...committed, ...proposed].map(({ token }) => token).concat(canvas);
    const fresh = [...new Set(tokens)].filter((token) => token >= 0 && !this.#told.has(token));
    return fresh.map((token) => {
      this.#told.add(token);
      return [token, tokenText(this.#tokenizer, token)];
    });
  }
}
