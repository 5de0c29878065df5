/**
 * Which tokens are drafted: frequent ones only, since the output head of a large vocabulary is most of what a head costs
 * (FR-Spec, arXiv:2502.14856). A token that is left out is never drafted, and is written all the same.
 */

/**
 * The `size` most frequent tokens; among equally frequent ones the lower number first, which tokenizers give to the
 * token that was more frequent in their own text.
 */
export function frequentTokens(
  texts: Iterable<readonly number[]>,
  vocabSize: number,
  size: number,
): number[] {
  const counts = new Uint32Array(vocabSize);
  for (const tokens of texts) for (const token of tokens) counts[token]++;
  return Array.from(counts.keys())
    .sort((a, b) => counts[b] - counts[a] || a - b)
    .slice(0, size);
}
