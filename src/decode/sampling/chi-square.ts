/**
 * Pearson's chi-square test of drawn tokens against exact probabilities: the yardstick for every sampler and for
 * speculative methods that promise to keep the distribution.
 * The tail probability is the regularized upper incomplete gamma function, by its series below the mean and
 * its continued fraction above (Abramowitz and Stegun 6.5.29 and 6.5.31, Lentz's evaluation).
 */

export type ChiSquareResult = {
  statistic: number;
  /** Degrees of freedom after pooling. */
  degrees: number;
  /** Probability of a statistic at least this large when the expectation is right. */
  p: number;
};

/** Cells with a smaller expected count are pooled: the chi-square approximation is poor there. */
const minExpected = 5;

/**
 * Tests counts against probabilities.
 * @param counts `[cells]` how often each cell was drawn
 * @param probabilities `[cells]` exact, summing to 1; a draw in a cell of probability 0 gives p = 0
 */
export function chiSquareTest(counts: ArrayLike<number>, probabilities: ArrayLike<number>): ChiSquareResult {
  let draws = 0;
  for (let cell = 0; cell < counts.length; cell++) draws += counts[cell];
  let statistic = 0;
  let cells = 0;
  let pooledCount = 0;
  let pooledExpected = 0;
  const add = (count: number, expected: number) => {
    statistic += (count - expected) ** 2 / expected;
    cells++;
  };
  for (let cell = 0; cell < counts.length; cell++) {
    const expected = probabilities[cell] * draws;
    if (expected === 0 && counts[cell] > 0) return { statistic: Number.POSITIVE_INFINITY, degrees: 1, p: 0 };
    if (expected >= minExpected) {
      add(counts[cell], expected);
    } else {
      pooledCount += counts[cell];
      pooledExpected += expected;
    }
  }
  if (pooledExpected > 0) add(pooledCount, pooledExpected);
  const degrees = Math.max(0, cells - 1);
  return { statistic, degrees, p: degrees === 0 ? 1 : upperGamma(degrees / 2, statistic / 2) };
}

/** Q(a, x), the regularized upper incomplete gamma function, for a = n / 2. */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGammaOfHalves(a));
  if (x < a + 1) {
    let term = 1 / a;
    let total = term;
    for (let n = 1; term > total * Number.EPSILON; n++) {
      term *= x / (a + n);
      total += term;
    }
    return 1 - scale * total;
  }
  let b = x + 1 - a;
  let c = Number.MAX_VALUE;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 1000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < Number.EPSILON) break;
  }
  return scale * fraction;
}

/** log Gamma(a) for a a positive multiple of 1/2, by the recurrence from Gamma(1/2) or Gamma(1). */
function logGammaOfHalves(a: number): number {
  let start = a % 1 === 0 ? 1 : 0.5;
  let result = start === 1 ? 0 : Math.log(Math.PI) / 2;
  for (; start < a; start++) result += Math.log(start);
  return result;
}
