/** What drafts are worth to house-causal on problems of the test split, for the scripts beside this one. */

import { type GenerateOptions, generateBatch, type Result } from '../../src/decode/generate.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import { defaultMaxTokens, evaluationPrompt } from '../../src/tasks/evaluate.ts';
import { findTask, type Task, testProblems } from '../../src/tasks/index.ts';
import { houseShares } from '../../src/train/recipes/mixture.ts';

const batch = 25;

/** The tasks that the house models learned: what they write for others is long and says nothing. */
export const learnedTasks: readonly Task[] = Object.keys(houseShares).map(findTask);

/** Answers to `samples` problems of every level, task by task; the same problems in the same order each time. */
export async function answersByTask(
  target: LanguageModel,
  { samples, seed }: { samples: number; seed: number },
  options: GenerateOptions,
): Promise<Map<string, Result[]>> {
  const byTask = new Map<string, Result[]>();
  for (const task of learnedTasks) {
    const prompts = task.levels.flatMap(({ level }) => {
      const set = testProblems(task, { seed, level });
      return Array.from({ length: samples }, (_, i) => evaluationPrompt(target, [], set.at(i)));
    });
    const results: Result[] = [];
    while (results.length < prompts.length) {
      const asked = prompts.slice(results.length, results.length + batch);
      // Runs of one seed share the random number of a place: other batches get others.
      const own = { seed: 1000 * seed + results.length, maxTokens: defaultMaxTokens };
      results.push(...(await generateBatch(target, asked, { ...options, ...own }).result));
    }
    byTask.set(task.slug, results);
  }
  return byTask;
}

/** Tokens and forwards of an answer, or sums of them. */
export type Cost = Pick<Result, 'forwards'> & { tokens: number };

export const costOf = ({ tokens, forwards }: Result): Cost => ({ tokens: tokens.length, forwards });

/** Tokens of the answers for each forward (block efficiency, at most draftTokens + 1). */
export function blockEfficiency(costs: readonly Cost[]): number {
  const sum = (key: keyof Cost) => costs.reduce((total, cost) => total + cost[key], 0);
  return sum('tokens') / sum('forwards');
}
