/**
 * The probability that a text drawn from a hidden Markov model keeps to a format, and ends within a number of tokens (Ctrl-G,
 * Zhang et al. 2024, "Adaptable Logical Control for Large Language Models", arXiv:2406.13892, section 4).
 *
 *   β_r(s, z) = Σ_end B(z, end) [s accepts] + Σ_x B(z, x) Σ_z' A(z, z') β_r-1(δ(s, x), z'),   β_0 = 0
 *
 * is that of a text from format state s on, of at most r tokens, the first emitted by hidden state z. It depends on how many
 * tokens are left and not on how many there were, so tables grow by a row whenever a longer answer asks for one.
 */

import type { Belief, Hmm } from './hmm.ts';
import { nowhere, type TokenAutomaton } from './token-automaton.ts';

/** Probabilities by hidden state as mantissas [h] with a common logarithm; all 0 with -Infinity. */
interface Scaled {
  readonly values: Float64Array;
  readonly log: number;
}

/** Tokens that lead from a state to another one, all at once. */
interface Edge {
  readonly target: number;
  readonly tokens: Int32Array;
  /** Σ B(z, x) over the tokens: [h]. */
  readonly weight: Float64Array;
}

const rescaled = (values: Float64Array, log: number): Scaled => {
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  if (most === 0) return { values, log: Number.NEGATIVE_INFINITY };
  return { values: values.map((value) => value / most), log: log + Math.log(most) };
};

export class FormatLikelihood {
  readonly #hmm: Hmm;
  readonly #automaton: TokenAutomaton;
  readonly #endIds: readonly number[];
  readonly #edges: readonly (readonly Edge[])[];
  /** Σ B(z, end): [h]. */
  readonly #end: Float64Array;
  /** By tokens left and state: Σ_z' A(z, z') β(s, z'), what is to come once z has emitted its token. */
  readonly #ahead: Scaled[][] = [];

  constructor(hmm: Hmm, automaton: TokenAutomaton, endIds: readonly number[]) {
    this.#hmm = hmm;
    this.#automaton = automaton;
    this.#endIds = endIds;
    this.#end = this.#weightOf(endIds);
    this.#edges = automaton.targets.map((targets) => {
      const tokens = new Map<number, number[]>();
      for (const [token, target] of targets.entries()) {
        if (target === nowhere) continue;
        const known = tokens.get(target);
        if (known) known.push(token);
        else tokens.set(target, [token]);
      }
      return [...tokens].map(([target, ids]) => ({
        target,
        tokens: Int32Array.from(ids),
        weight: this.#weightOf(ids),
      }));
    });
    const none = { values: new Float64Array(hmm.facts.states), log: Number.NEGATIVE_INFINITY };
    this.#ahead.push(automaton.targets.map(() => none));
  }

  #weightOf(tokens: Iterable<number>): Float64Array {
    const { states } = this.#hmm.facts;
    const weight = new Float64Array(states);
    for (const token of tokens) {
      for (let z = 0; z < states; z++) weight[z] += this.#hmm.emission[token * states + z];
    }
    return weight;
  }

  /** What is to come from each state when `left` tokens are left. */
  #aheadWith(left: number): readonly Scaled[] {
    while (this.#ahead.length <= left) {
      const before = this.#ahead[this.#ahead.length - 1];
      this.#ahead.push(this.#edges.map((edges, state) => this.#moved(this.#beta(state, edges, before))));
    }
    return this.#ahead[left];
  }

  /** β of a state from what is to come with one token less. */
  #beta(state: number, edges: readonly Edge[], before: readonly Scaled[]): Scaled {
    const { states } = this.#hmm.facts;
    const ends = this.#automaton.accepts[state];
    const top = edges.reduce((log, { target }) => Math.max(log, before[target].log), ends ? 0 : -Infinity);
    const sum = new Float64Array(states);
    if (top === Number.NEGATIVE_INFINITY) return { values: sum, log: top };
    if (ends) for (let z = 0; z < states; z++) sum[z] += this.#end[z] * Math.exp(-top);
    for (const { target, weight } of edges) {
      const { values, log } = before[target];
      const factor = Math.exp(log - top);
      if (factor > 0) for (let z = 0; z < states; z++) sum[z] += weight[z] * values[z] * factor;
    }
    return rescaled(sum, top);
  }

  /** Σ_z' A(z, z') v(z') */
  #moved({ values, log }: Scaled): Scaled {
    const { states } = this.#hmm.facts;
    const { transition } = this.#hmm;
    const sum = new Float64Array(states);
    for (let z = 0; z < states; z++) {
      let total = 0;
      for (let to = 0, at = z * states; to < states; to++, at++) total += transition[at] * values[to];
      sum[z] = total;
    }
    return rescaled(sum, log);
  }

  /** Whether some text from the start keeps to the format in at most `left` tokens, its end included. */
  fits(left: number): boolean {
    return this.#beta(0, this.#edges[0], this.#aheadWith(left - 1)).log > Number.NEGATIVE_INFINITY;
  }

  /**
   * log p(format | text so far, x) for each token x: [V]; -Infinity where x rules the format out.
   * @param state Format state of the text so far.
   * @param left Tokens the text may still get, x among them.
   * @param belief Hidden states of the text so far.
   * @param epsilon Hidden states of so little mass together are left out.
   */
  score(state: number, left: number, belief: Belief, epsilon = 0): Float64Array {
    const { states, vocabulary } = this.#hmm.facts;
    const { emission } = this.#hmm;
    const kept = likeliest(belief, epsilon);
    const score = new Float64Array(vocabulary).fill(Number.NEGATIVE_INFINITY);
    // Both are Σ a(z) B(z, x) of the same states: an end leaves nothing to come.
    if (this.#automaton.accepts[state]) for (const token of this.#endIds) score[token] = 0;
    const ahead = this.#aheadWith(left - 1);
    for (const { target, tokens } of this.#edges[state]) {
      const { values, log } = ahead[target];
      if (log === Number.NEGATIVE_INFINITY) continue;
      for (const token of tokens) {
        let [format, any] = [0, 0];
        for (const z of kept) {
          const mass = belief[z] * emission[token * states + z];
          any += mass;
          format += mass * values[z];
        }
        // However improbable, it is possible.
        const share = any > 0 ? Math.max(format / any, Number.MIN_VALUE) : Number.MIN_VALUE;
        score[token] = Math.min(0, log + Math.log(share));
      }
    }
    return score;
  }
}

/** The fewest hidden states that have all the mass but `epsilon`. */
function likeliest(belief: Belief, epsilon: number): Int32Array {
  const order = Int32Array.from(belief, (_, z) => z);
  if (epsilon === 0) return order;
  order.sort((a, b) => belief[b] - belief[a]);
  let mass = 0;
  let count = 0;
  while (count < order.length && mass < 1 - epsilon) mass += belief[order[count++]];
  return order.subarray(0, Math.max(1, count));
}
