/**
 * A language of bytes lifted to the tokens of a vocabulary. Any cut of a text into tokens is legal. The mask of a
 * state is a walk of the vocabulary's trie in step with the automaton; masks are kept by state.
 */

import type { ByteState, Language } from './language.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Tokens that may come next. */
export interface Mask {
  /** One bit for each token of the vocabulary, [ceil(size / 32)]. */
  readonly bits: Uint32Array;
  /** Bytes that may still be needed after the token that leads farthest from an end. */
  readonly farthest: number;
}

/** Masks kept at most, in bytes. */
const maskBudget = 64 * 1024 * 1024;

/** A language for a vocabulary, compiled once and shared by all that decode under it. */
export class TokenConstraint {
  readonly vocabulary: Vocabulary;
  readonly language: Language;
  readonly #start: ByteState;
  readonly #masks = new Map<number, Mask>();
  readonly #maxMasks: number;
  /** States on the way down the trie, by depth. */
  readonly #path: ByteState[] = [];

  /** @throws QuickstepError as `Language.compile` */
  constructor(language: Language, vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
    this.language = language;
    this.#start = language.compile(vocabulary.characters);
    this.#maxMasks = Math.max(16, Math.floor(maskBudget / (vocabulary.size / 8)));
  }

  /** The beginning of every answer. */
  start(): TokenState {
    return new TokenState(this, this.#start);
  }

  /** Tokens after which the text can still be completed, end tokens where it is complete. The mask is shared. */
  mask(exact: ByteState): Mask {
    const state = exact.within?.(this.vocabulary.longest) ?? exact;
    const known = this.#masks.get(state.key);
    if (known) return known;
    const mask = this.#walk(state, Number.POSITIVE_INFINITY);
    const [oldest] = this.#masks.keys();
    if (this.#masks.size >= this.#maxMasks) this.#masks.delete(oldest);
    this.#masks.set(state.key, mask);
    return mask;
  }

  /**
   * As `mask`, but only tokens after which `bytes` bytes suffice to complete the text.
   * @returns undefined when no token is near enough
   */
  maskWithin(state: ByteState, bytes: number): Mask | undefined {
    const all = this.mask(state);
    if (all.farthest <= bytes) return all;
    const near = this.#walk(state, bytes);
    return near.bits.some((word) => word !== 0) ? near : undefined;
  }

  #walk(start: ByteState, within: number): Mask {
    const { depths, bytes, ends, firstToken, tokens, endIds, size } = this.vocabulary;
    const bits = new Uint32Array(Math.ceil(size / 32));
    const path = this.#path;
    path[0] = start;
    let farthest = 0;
    for (let node = 0; node < bytes.length; ) {
      const depth = depths[node];
      const state = path[depth - 1].next(bytes[node]);
      if (!state) {
        node = ends[node];
        continue;
      }
      path[depth] = state;
      const last = firstToken[node + 1];
      if (firstToken[node] < last && state.shortest <= within) {
        if (state.shortest > farthest) farthest = state.shortest;
        for (let index = firstToken[node]; index < last; index++) {
          bits[tokens[index] >> 5] |= 1 << (tokens[index] & 31);
        }
      }
      node++;
    }
    if (start.accepts) for (const id of endIds) bits[id >> 5] |= 1 << (id & 31);
    return { bits, farthest };
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
    const constraint = this.#constraint;
    return constraint.maskWithin(this.#state, tokensLeft - 2) ?? constraint.mask(this.#state);
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
