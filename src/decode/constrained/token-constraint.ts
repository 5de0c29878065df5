/**
 * A language of bytes lifted to the tokens of a vocabulary. Any cut of a text into tokens is legal.
 */

import type { ByteState, Language } from './language.ts';
import { type Mask, Masks } from './masks.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A language for a vocabulary, compiled once and shared by all that decode under it. */
export class TokenConstraint {
  readonly vocabulary: Vocabulary;
  readonly language: Language;
  readonly #start: ByteState;
  readonly masks: Masks;

  /** @throws QuickstepError as `Language.compile` */
  constructor(language: Language, vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
    this.language = language;
    this.#start = language.compile(vocabulary.characters);
    this.masks = new Masks(vocabulary);
  }

  /** The beginning of every answer. */
  start(): TokenState {
    return new TokenState(this, this.#start);
  }
}

/** The beginning of an answer, token by token. Immutable: forks are free. */
export class TokenState {
  readonly #constraint: TokenConstraint;
  readonly #state: ByteState;

  constructor(constraint: TokenConstraint, state: ByteState) {
    this.#constraint = constraint;
    this.#state = state;
  }

  /** Equal keys, equal futures. */
  get key(): number {
    return this.#state.key;
  }

  /** Whether the answer may end here. */
  get accepts(): boolean {
    return this.#state.accepts;
  }

  /** Tokens that suffice to complete the answer: as many as it needs bytes. */
  get tokensToEnd(): number {
    return this.#state.shortest;
  }

  /**
   * Tokens that may come next; never none, but for a complete answer without end tokens.
   * @param tokensLeft Tokens the answer may still get, its end token included: those that would not leave room for its
   * end are ruled out, as long as there are others.
   */
  mask(tokensLeft = Number.POSITIVE_INFINITY): Mask {
    const { masks } = this.#constraint;
    return masks.within(this.#state, tokensLeft - 2) ?? masks.of(this.#state);
  }

  /** The state after a token; undefined when it may not come next. An end token ends the answer and has none. */
  advance(token: number): TokenState | undefined {
    let state: ByteState | undefined = this.#state;
    const bytes = this.#constraint.vocabulary.bytesOf(token);
    if (!bytes) return undefined;
    for (const byte of bytes) {
      state = state.next(byte);
      if (!state) return undefined;
    }
    return new TokenState(this.#constraint, state);
  }

  /** A completion of as few bytes as possible. */
  shortest(): Uint8Array {
    const bytes: number[] = [];
    let state = this.#state;
    for (let byte = 0; byte < 256 && state.shortest > 0; byte++) {
      const next = state.next(byte);
      if (!next || next.shortest >= state.shortest) continue;
      bytes.push(byte);
      state = next;
      byte = -1;
    }
    return Uint8Array.from(bytes);
  }

  /** The bytes that every completion begins with, at most `limit` of them. */
  forced(limit = 256): Uint8Array {
    const bytes: number[] = [];
    let state = this.#state;
    while (bytes.length < limit && !state.accepts) {
      let only: { byte: number; next: ByteState } | undefined;
      let several = false;
      for (let byte = 0; byte < 256 && !several; byte++) {
        const next = state.next(byte);
        if (!next) continue;
        several = only !== undefined;
        only = { byte, next };
      }
      if (!only || several) break;
      bytes.push(only.byte);
      state = only.next;
    }
    return Uint8Array.from(bytes);
  }

  /** The same, as the tokenizer cuts it; the model may cut it otherwise. */
  forcedTokens(): readonly number[] {
    return this.#constraint.vocabulary.cut(this.forced());
  }
}

export const allows = ({ bits }: Mask, token: number): boolean =>
  ((bits[token >> 5] >>> (token & 31)) & 1) === 1;

/** Rules out every other token, in place. */
export function keepAllowed(logits: Float32Array, mask: Mask): void {
  for (let id = 0; id < logits.length; id++) if (!allows(mask, id)) logits[id] = Number.NEGATIVE_INFINITY;
}
