/** What drafts are worth to house-causal on problems of the test split, for the scripts beside this one. */

import type { GenerateOptions, Result } from '../../src/decode/generate.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import { evaluate, tasks, testProblems } from '../../src/tasks/index.ts';

/** Answers to `samples` problems of every level, task by task; the same problems in the same order each time. */
export async function answersByTask(
  target: LanguageModel,
  { samples, seed }: { samples: number; seed: number },
  options: GenerateOptions,
): Promise<Map<string, Result[]>> {
  const byTask = new Map<string, Result[]>();
  for (const task of tasks.values()) {
    const results: Result[] = [];
    for (const { level } of task.levels) {
      await evaluate(target, testProblems(task, { seed, level }), {
        ...options,
        // Runs of one seed share the random number of a place: other levels get others.
        seed: 100 * seed + level,
        samples,
        batch: Math.min(samples, 25),
        onBatch: (_, answers) => results.push(...answers.map(({ result }) => result)),
      });
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
