/** How sure a measured accuracy is: the score interval of a binomial proportion (Wilson 1927, JASA 22:209-212). */

/** The standard normal deviate that 95 % lie within. */
const deviate = 1.959963984540054;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The 95 % interval of the accuracy behind `correct` right answers out of `samples`; [0, 1] for none. */
export function wilsonInterval(correct: number, samples: number): Interval {
  if (samples === 0) return { low: 0, high: 1 };
  const share = correct / samples;
  const z2 = deviate ** 2;
  const centre = (share + z2 / (2 * samples)) / (1 + z2 / samples);
  const half =
    (deviate / (1 + z2 / samples)) * Math.sqrt((share * (1 - share)) / samples + z2 / (4 * samples ** 2));
  return {
    low: correct === 0 ? 0 : Math.max(0, centre - half),
    high: correct === samples ? 1 : Math.min(1, centre + half),
  };
}
