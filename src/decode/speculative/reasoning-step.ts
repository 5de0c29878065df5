/**
 * Steps of a chain of thought: what is written up to the end of a line. A step is what step-level speculation drafts,
 * judges and rewrites.
 */

import type { Scores } from '../../models/forward.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Choice } from '../sampling/sampler.ts';
import type { LaneReader } from './lane-reader.ts';

const lineEnd = 0x0a;

/** Whether a token ends a step: an end token, or one with a line end in it. */
export function stepEnds(tokenizer: Tokenizer, eosIds: readonly number[]): (token: number) => boolean {
  const ends = new Map<number, boolean>();
  return (token) => {
    let known = ends.get(token);
    if (known === undefined) {
      known = eosIds.includes(token) || tokenizer.bytes(token).includes(lineEnd);
      ends.set(token, known);
    }
    return known;
  };
}

export interface StepLimits {
  ends(token: number): boolean;
  /** Longest step, in tokens, for a model that never ends one. */
  most: number;
}

/**
 * The next step of a text by the model of a lane.
 * @param pick Chooses from the scores behind the text and the step so far.
 * @throws As the model's `forwardLanes`.
 */
export async function writeStep<T extends Pick<Choice, 'token'>>(
  reader: LaneReader,
  text: readonly number[],
  { ends, most }: StepLimits,
  pick: (scores: Scores, step: readonly number[]) => T,
  logits: boolean,
): Promise<T[]> {
  const step: T[] = [];
  const written = [...text];
  while (step.length < most && reader.holds(written.length)) {
    const scores = await reader.after(written, logits);
    const choice = pick(scores, written.slice(text.length));
    step.push(choice);
    written.push(choice.token);
    if (ends(choice.token)) break;
  }
  return step;
}

/** Whether an answer is the beginning of the right one: a step behind a wrong one is not right either. */
export const isBeginning = (answer: readonly number[], reference: ArrayLike<number>): boolean =>
  answer.every((token, i) => token === reference[i]);
