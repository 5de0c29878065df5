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
  /** Which block of an answer is masked in part (semi-autoregressive training). */
  segment: 39,
  /** Which example of a finite set a step sees. */
  example: 40,
  /** Tokens that stand in for those that are corrupted. */
  noise: 41,
  /** Seeds of sampled answers. */
  rollout: 42,
  /** Which tokens of a prompt diffu-GRPO masks. */
  promptMask: 43,
  /** Where a chain of thought goes on with the drafted step, though the other is better. */
  slip: 44,
  /** What a chat model is asked when it makes its own data; `slip` has the number too: no recipe draws both. */
  request: 44,
  /** What it is asked about a text. */
  passageRequest: 45,
  /** What it is asked about words of its vocabulary. */
  wordRequest: 46,
} as const;
