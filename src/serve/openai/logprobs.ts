/** Log probabilities in the two shapes that OpenAI has for them. */

import type { Result } from '../../decode/generate.ts';
import type { CommittedToken, Step } from '../../decode/step.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import type { Ready } from '../decoding.ts';

/** The tokens of an answer in its order, taken as they are committed in any order. */
export class TokenOrder {
  readonly #ahead = new Map<number, CommittedToken>();
  readonly #endIds: readonly number[];
  readonly #stops: boolean;
  #next = 0;
  #ended = false;

  constructor({ batch, options }: Ready) {
    this.#endIds = batch.model.eosIds;
    this.#stops = (options.stop?.length ?? 0) > 0;
  }

  /** Those that a step tells. Where in a canvas a stop text ends the answer is known at the end only. */
  ofStep({ committed, canvas }: Step): CommittedToken[] {
    return canvas && this.#stops ? [] : this.#take(committed);
  }

  /** Those of a finished answer that no step has told. */
  rest({ committed }: Result): CommittedToken[] {
    return this.#take(committed);
  }

  /** The tokens that now follow without a gap; an end token is none of the answer, nor what a canvas has behind it. */
  #take(committed: readonly CommittedToken[]): CommittedToken[] {
    for (const token of committed) this.#ahead.set(token.position, token);
    const ready: CommittedToken[] = [];
    for (let token = this.#ahead.get(this.#next); token; token = this.#ahead.get(this.#next)) {
      this.#ahead.delete(this.#next++);
      if (this.#endIds.includes(token.token)) this.#ended = true;
      else if (!this.#ended) ready.push(token);
    }
    return ready;
  }
}

/** Text and bytes of a token, which may be a part of a character. */
function tokenText({ tokenizer }: LanguageModel, token: number) {
  const bytes = tokenizer.bytes(token);
  return { token: new TextDecoder().decode(bytes), bytes: [...bytes] };
}

/** Probability 0 has no logarithm that JSON could hold. */
const lowest = -9999;

export function chatLogprobs(model: LanguageModel, tokens: readonly CommittedToken[]) {
  const content = tokens.map(({ token, probability, top = [] }) => ({
    ...tokenText(model, token),
    logprob: Math.max(lowest, Math.log(probability)),
    top_logprobs: top.map(({ token: other, logprob }) => ({
      ...tokenText(model, other),
      logprob: Math.max(lowest, logprob),
    })),
  }));
  return { content, refusal: null };
}

/** @param offset characters of the answer before the first of the tokens */
export function completionLogprobs(model: LanguageModel, tokens: readonly CommittedToken[], offset: number) {
  const texts = tokens.map(({ token }) => tokenText(model, token).token);
  let at = offset;
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ probability }) => Math.max(lowest, Math.log(probability))),
    top_logprobs: tokens.map(({ top = [] }) =>
      Object.fromEntries(
        top.map(({ token, logprob }) => [tokenText(model, token).token, Math.max(lowest, logprob)]),
      ),
    ),
    text_offset: texts.map((text) => {
      at += text.length;
      return at - text.length;
    }),
  };
}
