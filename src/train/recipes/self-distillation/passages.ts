/** Self-distillation data as rows: states, and the tokens that follow each of them. */

import { type SelfDistillation, stateRows } from './answers.ts';
import { widened } from './state-store.ts';

/** One answer. The state of row r is that of `tokens[r]`; rows from `first` on stand before tokens of the answer. */
export interface Passage {
  /** [rows, hidden], each with a root mean square of 1, in the program's basis. */
  states: Float32Array;
  /** The end of the prompt and the answer: one more than rows. */
  tokens: readonly number[];
  first: number;
}

/** Every tenth answer is held out: neither trained on, nor counted for the draft's vocabulary. */
export const isHeldOut = (n: number): boolean => n % 10 === 9;

export async function readPassage({ answers, states }: SelfDistillation, n: number): Promise<Passage> {
  const answer = answers[n];
  const { ofPrompt } = stateRows(answer);
  return {
    states: widened(await states(n)),
    tokens: [...answer.prompt.slice(-ofPrompt), ...answer.tokens],
    first: ofPrompt - 1,
  };
}
