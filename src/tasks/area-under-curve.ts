/** How well a score tells right predictions from wrong ones. */

/** One scored prediction. */
export interface Judged {
  /** The higher, the surer. */
  score: number;
  /** Whether it was right. */
  right: boolean;
}

/**
 * Area under the ROC curve: the probability that a right prediction has a higher score than a wrong one, ties counting
 * half (Mann and Whitney 1947). NaN when there are only right or only wrong ones.
 */
export function areaUnderCurve(judged: readonly Judged[]): number {
  const sorted = judged.toSorted((a, b) => a.score - b.score);
  let [rights, wrongs, area] = [0, 0, 0];
  for (let first = 0; first < sorted.length; ) {
    let end = first;
    let [right, wrong] = [0, 0];
    for (; end < sorted.length && sorted[end].score === sorted[first].score; end++)
      if (sorted[end].right) right++;
      else wrong++;
    area += right * (wrongs + wrong / 2);
    rights += right;
    wrongs += wrong;
    first = end;
  }
  return area / (rights * wrongs);
}
