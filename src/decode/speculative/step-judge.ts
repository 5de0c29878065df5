/**
 * A small model that judges a drafted step before anyone else has seen it. It is a language model like any other, trained
 * to answer behind a step with a sign instead of the next token (a generative verifier, Zhang et al. 2024,
 * arXiv:2408.15240): its probabilities of two tokens, against each other, are a verdict.
 */

import type { Scores } from '../../models/forward.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { LaneReader } from './lane-reader.ts';

/** What is asked of a step, and the signs that say yes and no to it. */
export const verdicts = {
  /** Would the target write a better step here? */
  advantage: ['+', '-'],
  /** Is the step right? */
  right: ['=', '/'],
} as const;
export type Verdict = keyof typeof verdicts;

/** Tokens of yes and no: the last ones of the signs, as some tokenizers put a space before a text. */
export function verdictTokens(tokenizer: Tokenizer, verdict: Verdict): [yes: number, no: number] {
  const [yes, no] = verdicts[verdict].map(
    (sign) => tokenizer.encode(sign, { addSpecialTokens: false }).at(-1)!,
  );
  return [yes, no];
}

/** P(yes) of a verdict from the scores behind a step. */
export function probabilityOf(scores: Scores, [yes, no]: readonly [number, number]): number {
  const logits = scores.logits(0);
  return 1 / (1 + Math.exp(logits[no] - logits[yes]));
}

/**
 * P(yes) of a verdict on a step behind a text; undefined where the judge's context ends.
 * @throws As the model's `forwardLanes`.
 */
export async function judge(
  reader: LaneReader,
  text: readonly number[],
  step: readonly number[],
  tokens: readonly [number, number],
): Promise<number | undefined> {
  const all = [...text, ...step];
  return reader.holds(all.length) ? probabilityOf(await reader.after(all, true), tokens) : undefined;
}
