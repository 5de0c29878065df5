/**
 * What texts say about the next token of a draft (Superposed Decoding, arXiv:2405.18400, section 3.2): how often each token
 * follows the draft's last one to five tokens, longer contexts counting more.
 *   g(x) = Σⱼ wⱼ · c(last j tokens, x) / c(last j tokens)
 * A context that does not occur says nothing, and the weights are not made to sum to 1.
 */

import type { NgramStore } from '../../ngrams/index.ts';

/** Weights of contexts of one to five tokens, as the authors' settings for three drafts have them (p15_d3_mixed). */
const contextWeights = [0.01, 0.04, 0.15, 0.18, 0.12];

/** g of some tokens behind a text. @throws QuickstepError 'bad-file' when the store is damaged. */
export function ngramShares(
  store: NgramStore,
  text: readonly number[],
  tokens: readonly number[],
): Float64Array {
  const shares = new Float64Array(tokens.length);
  const longest = Math.min(contextWeights.length, store.facts.order - 1, text.length);
  for (let length = 1; length <= longest; length++) {
    const { total, counts } = store.followers(text.slice(-length), tokens);
    // A longer context occurs no more often.
    if (total === 0) break;
    for (const [i, count] of counts.entries()) shares[i] += (contextWeights[length - 1] * count) / total;
  }
  return shares;
}
