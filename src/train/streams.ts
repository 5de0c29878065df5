/** Streams of the random numbers of training (see decode/random.ts), in one table so that no two share one. */
export const trainingStreams = {
  /** What weights start from. */
  initialization: 32,
  maskRatio: 33,
  maskOrder: 34,
  /** Which task a house model sees. */
  task: 35,
  canvasLength: 36,
  dropout: 37,
  maskShape: 38,
} as const;
