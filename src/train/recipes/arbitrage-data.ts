/**
 * Training data of Arbitrage (arXiv:2512.05033): at every line of a chain of thought both models write the next step, and
 * what each is worth is known, because a problem's right chain is. The chain goes on with the better step, the draft's on
 * ties.
 */

import { z } from 'zod';
import { uniform } from '../../decode/random.ts';
import { type DraftLane, DraftLanes } from '../../decode/speculative/draft-lanes.ts';
import { LaneReader } from '../../decode/speculative/lane-reader.ts';
import { isBeginning, stepEnds, writeStep } from '../../decode/speculative/reasoning-step.ts';
import type { Scores } from '../../models/forward.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { trainingStreams } from '../streams.ts';

/** Longest step, in tokens: a line of the word problems has at most half as many. */
const stepTokens = 32;
/** More steps than any chain has. */
const mostSteps = 12;
/** Share of steps after which the chain goes on with the draft's even if it is worse, as a router lets some pass. */
const slips = 0.25;

/** One drafted step, to be judged. */
export const decisionSchema = z.object({
  /** The answer up to the step. */
  before: z.array(z.int().min(0)),
  /** The drafted step. */
  step: z.array(z.int().min(0)).min(1),
  /** Whether the drafted step is right, and the target's in its place. */
  right: z.boolean(),
  targetRight: z.boolean(),
});
export type Decision = z.output<typeof decisionSchema>;
export const chainSchema = z.array(decisionSchema).min(1);

/** A problem's prompt and its right answer, in tokens. */
export interface Reasoning {
  prompt: readonly number[];
  reference: readonly number[];
}

export interface Pair {
  draft: LanguageModel;
  target: LanguageModel;
}

/** A chain that is being written. */
interface Writing extends Reasoning {
  /** Number of the problem. */
  number: number;
  lanes: readonly DraftLane[];
  /** The draft's, then the target's. */
  readers: readonly LaneReader[];
  answer: readonly number[];
  decisions: Decision[];
}

const greedy = (scores: Scores) => ({ token: scores.topToken(0) });

/** The chains of some problems, number `first` and those behind it, each decided by itself. */
export async function chains(
  { draft, target }: Pair,
  problems: readonly Reasoning[],
  { first, seed, signal }: { first: number; seed: number; signal?: AbortSignal },
): Promise<Decision[][]> {
  const size = { vocabSize: target.config.vocabSize, cost: 1 };
  const models = [new DraftLanes(draft, size), new DraftLanes(target, size)];
  const limits = { ends: stepEnds(target.tokenizer, target.eosIds), most: stepTokens };
  const all = problems.map((problem, n): Writing => {
    const lanes = models.map((model) => model.open());
    const readers = lanes.map((lane) => new LaneReader(lane));
    return { ...problem, number: first + n, lanes, readers, answer: [], decisions: [] };
  });
  const ended = ({ answer, decisions }: Writing) =>
    decisions.length === mostSteps || target.eosIds.includes(answer[answer.length - 1]);
  for (let active = all; active.length > 0; active = active.filter((one) => !ended(one))) {
    signal?.throwIfAborted();
    const written: number[][][] = [];
    // One model after the other, so that all chains share its forwards.
    for (const [m] of models.entries()) {
      const steps = active.map(({ readers, prompt, answer }) =>
        writeStep(readers[m], [...prompt, ...answer], limits, greedy, false),
      );
      written.push((await Promise.all(steps)).map((step) => step.map(({ token }) => token)));
    }
    for (const [i, one] of active.entries()) {
      decide(one, written[0][i], written[1][i], seed);
      if (ended(one)) for (const lane of one.lanes) lane.close();
    }
  }
  return all.map(({ decisions }) => decisions);
}

/** Notes what both steps are worth, and goes on with one. */
function decide(one: Writing, drafted: readonly number[], rewritten: readonly number[], seed: number): void {
  const { answer, reference, number: step, decisions } = one;
  const [right, targetRight] = [drafted, rewritten].map((tokens) =>
    isBeginning([...answer, ...tokens], reference),
  );
  const slipped = uniform({ seed, stream: trainingStreams.slip, step, position: decisions.length }) < slips;
  decisions.push({ before: [...answer], step: [...drafted], right, targetRight });
  one.answer = [...answer, ...(targetRight && !right && !slipped ? rewritten : drafted)];
}
