/**
 * Masks: one walk through the vocabulary's trie in step with an automaton, skipping what is dead. What takes long, a string that
 * any token may go on, is walked once for all states that begin with it (the context-independent tokens of XGrammar, Dong
 * et al. 2024, arXiv:2411.15100); and states that count are told apart only for tokens long enough to use the count up.
 */

import type { ByteState } from './language.ts';
import { Recent } from './recent.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Tokens that may come next. */
export interface Mask {
  /** One bit for each token of the vocabulary, [ceil(size / 32)]. */
  readonly bits: Uint32Array;
  /** Bytes that may still be needed after the token that leads farthest from an end. */
  readonly farthest: number;
}

/** Tokens of more than `above` and at most `upTo` bytes. */
interface Lengths {
  readonly above: number;
  readonly upTo: number;
}

/** A node of the trie, and the bytes that lead to it. */
interface Branch {
  readonly node: number;
  readonly bytes: Uint8Array;
}

interface Walk extends Lengths {
  /** Gets the bits of tokens by the bytes that are still needed after them, instead of the mask. */
  readonly byNeed?: Map<number, Uint32Array>;
  /** Only its subtree is walked. */
  readonly from?: Branch;
  /** Told of the nodes where the text may end; their subtrees are left out then. */
  readonly onEnd?: (branch: Branch) => void;
}

/** What a state allows up to where it accepts. */
interface Beginning extends Mask {
  readonly ends: readonly Branch[];
}

/** Lengths, in bytes, between which states that count are told apart; see `ByteState.within`. */
const tiers = [4, 8, 16] as const;

/** Memory for masks of states, in bytes, and the same again for what these are put together from. */
const maskBudget = 64 * 1024 * 1024;

/** The masks of one compiled language, kept by state. */
export class Masks {
  readonly #vocabulary: Vocabulary;
  readonly #masks: Recent<number, Mask>;
  readonly #parts: Recent<string, Mask | Beginning>;
  /** Masks taken apart by the bytes that are needed after their tokens. */
  readonly #byNeed: Recent<number, ReadonlyMap<number, Uint32Array>>;
  /** States and nodes on the way down the trie, by depth. */
  readonly #path: ByteState[] = [];
  readonly #nodes: number[] = [];

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    const most = Math.max(16, Math.floor(maskBudget / (vocabulary.size / 8)));
    this.#masks = new Recent(most);
    this.#parts = new Recent(most);
    this.#byNeed = new Recent(Math.ceil(most / 16));
  }

  /** Tokens after which the text can still be completed, end tokens where it is complete. The mask is shared. */
  of(state: ByteState): Mask {
    return this.#masks.of(this.#keyOf(state), () => this.#compose(state));
  }

  /**
   * As `of`, but only tokens after which `bytes` bytes suffice to complete the text.
   * @returns undefined when no token is near enough
   */
  within(state: ByteState, bytes: number): Mask | undefined {
    const all = this.of(state);
    if (all.farthest <= bytes) return all;
    const bits = this.#empty(state);
    let farthest = 0;
    for (const [need, tokens] of this.#byNeed.of(this.#keyOf(state), () => this.#takeApart(state))) {
      if (need > bytes) continue;
      farthest = Math.max(farthest, need);
      addBits(bits, tokens);
    }
    return bits.some((word) => word !== 0) ? { bits, farthest } : undefined;
  }

  /** States of the same key have the same mask. */
  #keyOf(state: ByteState): number {
    return (state.within?.(this.#vocabulary.longest) ?? state).key;
  }

  #takeApart(state: ByteState): ReadonlyMap<number, Uint32Array> {
    const byNeed = new Map<number, Uint32Array>();
    this.#walk(state, this.#noTokens(), { above: 0, upTo: this.#vocabulary.longest, byNeed });
    return byNeed;
  }

  #noTokens(): Uint32Array {
    return new Uint32Array(Math.ceil(this.#vocabulary.size / 32));
  }

  /** Bits of no tokens but those that may end the text here. */
  #empty({ accepts }: ByteState): Uint32Array {
    const bits = this.#noTokens();
    if (accepts) for (const id of this.#vocabulary.endIds) bits[id >> 5] |= 1 << (id & 31);
    return bits;
  }

  /** The mask from those of short and of long tokens, as far as the state is another one for these. */
  #compose(state: ByteState): Mask {
    const { longest } = this.#vocabulary;
    const parts: { state: ByteState; above: number; upTo: number }[] = [];
    let above = 0;
    for (const upTo of [...tiers.filter((length) => length < longest), longest]) {
      const counted = state.within?.(upTo) ?? state;
      const last = parts.at(-1);
      if (last?.state.key === counted.key) last.upTo = upTo;
      else parts.push({ state: counted, above, upTo });
      above = upTo;
    }
    const masks = parts.map((part) => this.#part(part.state, part));
    if (masks.length === 1) return masks[0];
    const bits = masks[0].bits.slice();
    for (const mask of masks.slice(1)) addBits(bits, mask.bits);
    return { bits, farthest: Math.max(...masks.map(({ farthest }) => farthest)) };
  }

  #part(state: ByteState, lengths: Lengths): Mask {
    const { above, upTo } = lengths;
    return this.#parts.of(`${state.key} ${above} ${upTo}`, () => {
      const first = state.first?.();
      if (!first) {
        const bits = this.#empty(state);
        return { bits, farthest: this.#walk(state, bits, lengths) };
      }
      const key = `first ${first.key} ${above} ${upTo}`;
      const begun = this.#parts.of(key, () => this.#begin(first, lengths)) as Beginning;
      const bits = begun.bits.slice();
      let farthest = begun.farthest + state.shortest - first.shortest;
      for (const from of begun.ends)
        farthest = Math.max(farthest, this.#walk(state, bits, { ...lengths, from }));
      return { bits, farthest };
    });
  }

  #begin(first: ByteState, lengths: Lengths): Beginning {
    const bits = this.#noTokens();
    const ends: Branch[] = [];
    const farthest = this.#walk(first, bits, { ...lengths, onEnd: (branch) => ends.push(branch) });
    return { bits, farthest, ends };
  }

  /** Sets the bits of tokens; returns the bytes that may still be needed after them, at most. */
  #walk(start: ByteState, bits: Uint32Array, walk: Walk): number {
    const { depths, bytes, ends, deepest, firstToken, tokens } = this.#vocabulary;
    const { above, upTo, byNeed, from, onEnd } = walk;
    const path = this.#path;
    const nodes = this.#nodes;
    path[0] = start;
    if (from)
      for (let depth = 1; depth < from.bytes.length; depth++)
        path[depth] = path[depth - 1].next(from.bytes[depth - 1])!;
    const end = from ? ends[from.node] : bytes.length;
    let farthest = 0;
    for (let node = from?.node ?? 0; node < end; ) {
      if (deepest[node] <= above) {
        node = ends[node];
        continue;
      }
      const depth = depths[node];
      const state = path[depth - 1].next(bytes[node]);
      if (!state) {
        node = ends[node];
        continue;
      }
      nodes[depth] = node;
      if (onEnd && state.accepts) {
        onEnd({ node, bytes: Uint8Array.from({ length: depth }, (_, i) => bytes[nodes[i + 1]]) });
        node = ends[node];
        continue;
      }
      path[depth] = state;
      const last = firstToken[node + 1];
      if (depth > above && firstToken[node] < last) {
        const need = state.shortest;
        if (need > farthest) farthest = need;
        let into = byNeed ? byNeed.get(need) : bits;
        if (!into) {
          into = this.#noTokens();
          byNeed!.set(need, into);
        }
        for (let index = firstToken[node]; index < last; index++) {
          into[tokens[index] >> 5] |= 1 << (tokens[index] & 31);
        }
      }
      node = depth < upTo ? node + 1 : ends[node];
    }
    return farthest;
  }
}

function addBits(bits: Uint32Array, others: Uint32Array): void {
  for (let word = 0; word < bits.length; word++) bits[word] |= others[word];
}
