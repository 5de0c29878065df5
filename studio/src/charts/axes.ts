/** The axes of accuracy over forwards, which pictures share. */

/** Fewer forwards are to the right, each doubling as wide as the last. */
export const forwardsAxis = {
  type: 'log' as const,
  label: 'forwards an answer (fewer is better)',
  labelOffset: 38,
  inset: 14,
  reverse: true,
  ticks: [1, 2, 3, 5, 10, 20, 30],
  tickFormat: (x: number) => `${x}`,
};

export const accuracyAxis = { label: 'right answers, %', grid: true, nice: true };

/** Room for the labels of both. */
export const axisMargins = { marginTop: 30, marginRight: 30, marginBottom: 44 };
