/**
 * Predictions averaged over the contexts of the last steps (CCD, arXiv:2512.02044):
 *
 *   p̄(v) = 1/d Σ_k p_k(v),   H(p̄) = 1/d Σ_k H(p_k) + I(x; s)
 *
 * The last term, the mutual information of token and context, is what an entropy of one step does not see: it is large
 * where the prediction depends on the context it is asked in.
 */

import { topM } from '../sampling/select.ts';
import { normalizer } from '../sampling/softmax.ts';

/** The most probable tokens of a step, and the probability of all others together. */
interface Summary {
  probabilities: ReadonlyMap<number, number>;
  rest: number;
}

function softmax(logits: Float32Array): Float64Array {
  const { max, sum } = normalizer(logits);
  return Float64Array.from(logits, (logit) => Math.exp(logit - max) / sum);
}

function summarize(logits: Float32Array, row: Float64Array, size: number): Summary {
  const probabilities = new Map(Array.from(topM(logits, size), (id) => [id, row[id]]));
  const rest = 1 - [...probabilities.values()].reduce((sum, p) => sum + p, 0);
  return { probabilities, rest: Math.max(0, rest) };
}

/** Below this a row has nothing outside another's best tokens that mass could be shared by. */
const nothing = 1e-12;

/** Factor that makes of a row's probabilities outside the best tokens of a past step those of that step. */
function shareOf(row: Float64Array, { probabilities, rest }: Summary): number {
  let outside = 1;
  for (const id of probabilities.keys()) outside -= row[id];
  return outside > nothing ? rest / outside : 0;
}

/** p̄ [vocabulary] of this step's row and past ones, whose rest is spread as it is in this row. */
function mix(row: Float64Array, past: readonly Summary[]): Float64Array {
  const shares = past.map((summary) => shareOf(row, summary));
  const elsewhere = shares.reduce((sum, share) => sum + share, 1) / (past.length + 1);
  const mean = row.map((p) => p * elsewhere);
  for (const id of new Set(past.flatMap(({ probabilities }) => [...probabilities.keys()]))) {
    let sum = row[id];
    for (const [k, { probabilities }] of past.entries()) sum += probabilities.get(id) ?? shares[k] * row[id];
    mean[id] = sum / (past.length + 1);
  }
  return mean;
}

/** The mixture of one run. */
export class ContextMixture {
  readonly #contexts: number;
  readonly #topTokens: number;
  /** Past steps by position, the newest last; at most one less than there are contexts. */
  readonly #past = new Map<number, readonly Summary[]>();

  /**
   * @param contexts d, this step's among them
   * @param topTokens How many tokens of a past step are remembered each by itself.
   */
  constructor(contexts: number, topTokens: number) {
    this.#contexts = contexts;
    this.#topTokens = topTokens;
  }

  /** Makes of a position's logits [vocabulary] ln p̄, in place, and remembers them for the next step. */
  shape(logits: Float32Array, position: number): void {
    if (this.#contexts === 1) return;
    const row = softmax(logits);
    const past = this.#past.get(position) ?? [];
    const summary = summarize(logits, row, this.#topTokens);
    this.#past.set(position, [...past, summary].slice(1 - this.#contexts));
    if (past.length === 0) return;
    const mean = mix(row, past);
    for (let id = 0; id < logits.length; id++) {
      // What is ruled out now stays so, whatever it was before.
      if (logits[id] !== Number.NEGATIVE_INFINITY) logits[id] = Math.log(mean[id]);
    }
  }
}
