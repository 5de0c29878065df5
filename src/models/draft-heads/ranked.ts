/** What heads say of one place: tokens, most probable first. */
export interface Ranked {
  tokens: Int32Array;
  /** Among the drafted tokens. */
  probabilities: Float32Array;
}

/** Alternatives that a head names. */
export const ranks = 10;
