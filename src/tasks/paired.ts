/** How much more often one of two decodings is right on the same problems, and how sure that is. */

import { type Interval, wilsonInterval } from './wilson.ts';

/** What one decoding gained and lost against another. */
export interface PairedDifference extends Interval {
  /** Problems that only this one solved, and those that only the other did. */
  readonly improved: number;
  readonly worsened: number;
  /** Accuracy of this one less that of the other, with its 95 % interval [low, high]. */
  readonly difference: number;
}

/**
 * Correlation of the two outcomes in a table of counts, taken for less than it is by half a problem of each pair
 * (Newcombe's method 10).
 */
function correlation(both: number, improved: number, worsened: number, neither: number): number {
  const marginals = (both + improved) * (worsened + neither) * (both + worsened) * (improved + neither);
  if (marginals === 0) return 0;
  const covariance = both * neither - improved * worsened;
  const half = (both + improved + worsened + neither) / 2;
  return (covariance > 0 ? Math.max(0, covariance - half) : covariance) / Math.sqrt(marginals);
}

/**
 * The difference of two accuracies on the same problems with its 95 % interval: Wilson's intervals of both, combined by
 * their correlation (Newcombe 1998, Statistics in Medicine 17:2635-2650, method 10). Unlike one from the discordant pairs
 * alone it stays honest when there are none.
 * @param ours by problem, whether this decoding was right
 * @param theirs the same of the other, in the same order
 */
export function pairedDifference(ours: readonly boolean[], theirs: readonly boolean[]): PairedDifference {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} answers against ${theirs.length}`);
  const samples = ours.length;
  if (samples === 0) return { improved: 0, worsened: 0, difference: 0, low: -1, high: 1 };
  const count = (mine: boolean, other: boolean) =>
    ours.filter((right, i) => right === mine && theirs[i] === other).length;
  const [both, improved, worsened] = [count(true, true), count(true, false), count(false, true)];
  const neither = samples - both - improved - worsened;
  const phi = correlation(both, improved, worsened, neither);
  const [one, other] = [both + improved, both + worsened];
  const [a, b] = [wilsonInterval(one, samples), wilsonInterval(other, samples)];
  const [p, q] = [one / samples, other / samples];
  /** Distance from the difference to a bound, from those of the two shares. */
  const reach = (x: number, y: number) => Math.sqrt(Math.max(0, x * x - 2 * phi * x * y + y * y));
  const difference = (improved - worsened) / samples;
  return {
    improved,
    worsened,
    difference,
    low: Math.max(-1, difference - reach(p - a.low, b.high - q)),
    high: Math.min(1, difference + reach(a.high - p, q - b.low)),
  };
}
