/**
 * Clover (2024): heads that are told the token guessed before their own hit more often than Medusa's, so that of as many
 * drafted tokens more are accepted, most of all where few are drafted. Both are trained on the same answers of house-causal
 * in as many steps, and both trees keep the tokens that their heads find most probable.
 */

import { openClover } from '../decode/speculative/clover-lanes.ts';
import { openMedusa } from '../models/draft-heads/medusa.ts';
import { type Measurement, totalsOf } from '../tasks/measure.ts';
import { controlOf, forwardsOf, sameAnswers } from './checks.ts';
import { countdown, json, sorting, sudoku, wordProblems } from './house-tasks.ts';
import type { Condition, Decoding, Proof } from './proof.ts';

const budgets = [4, 8, 16];
const heads = { clover: 'house-clover', medusa: 'house-medusa' };

const drafting = (method: keyof typeof heads, nodes: number, tree?: string): Decoding => ({
  label: `${method}, ${nodes} ${tree === 'levels' ? 'by level' : 'tokens'}`,
  method,
  options: { heads: heads[method], lookup: false, nodes, size: 'fixed', ...(tree && { tree }) },
});

const greedy: Decoding = { label: 'greedy', method: 'greedy' };
const decoding = drafting('clover', budgets[0]);

const tokensAForward = ({ tasks }: Measurement) => totalsOf(tasks).tokensPerForward;

export const clover: Proof = {
  slug: 'clover',
  claim:
    'With 4 tokens drafted in a step at least 1.1 times fewer forwards of house-causal than Medusa, and fewer with 8 and 16 too; every answer that of greedy decoding, token for token.',
  threshold: 1.1,
  gain: 'times fewer forwards than Medusa with as many drafted tokens',
  model: 'house-causal',
  tasks: [wordProblems, countdown, json, sudoku, sorting],
  decoding,
  settings:
    'heads of the same answers and as many steps; trees of the tokens that are most probable to the heads',
  async run({ measure, model }) {
    const [baseline, ...drafted] = await measure([
      greedy,
      ...budgets.map((nodes) => drafting('clover', nodes)),
      ...budgets.map((nodes) => drafting('medusa', nodes)),
      ...budgets.map((nodes) => drafting('clover', nodes, 'levels')),
    ]);
    const [ours, theirs, byLevel] = [0, 1, 2].map((n) =>
      drafted.slice(n * budgets.length, (n + 1) * budgets.length),
    );
    const { samples } = totalsOf(baseline.tasks);
    const conditions: Condition[] = [
      ...drafted.map((measurement) => {
        const value = sameAnswers(measurement, baseline);
        const text = `answers of ${measurement.decoding.label} that are greedy decoding's`;
        return { text, unit: 'answers' as const, value, bar: samples, holds: value === samples };
      }),
      ...budgets.map((nodes, n) => {
        const [value, bar] = [tokensAForward(ours[n]), tokensAForward(theirs[n])];
        const text = `tokens a forward with ${nodes} drafted, against Medusa`;
        return { text, unit: 'tokens' as const, value, bar, holds: value > bar };
      }),
    ];
    const { facts } = (await openClover(model, heads.clover)).heads;
    const medusa = await openMedusa(model, heads.medusa);
    return {
      measured: forwardsOf(ours[0]),
      baseline: forwardsOf(theirs[0]),
      conditions,
      controls: [controlOf(ours[0], theirs[0])],
      figures: [
        {
          title: 'Tokens for each forward by tokens drafted in a step',
          head: ['drafted', 'clover', 'medusa', 'times', 'clover by level'],
          rows: budgets.map((nodes, n) => [
            nodes,
            tokensAForward(ours[n]),
            tokensAForward(theirs[n]),
            tokensAForward(ours[n]) / tokensAForward(theirs[n]),
            tokensAForward(byLevel[n]),
          ]),
        },
        {
          title: 'How often the first guess was right on held-out answers, those before being among ten',
          head: ['tokens ahead', 'clover', 'medusa'],
          rows: facts.accuracies.map(([first], head) => [
            head + 2,
            first,
            medusa.facts.accuracies[head]?.[0] ?? 0,
          ]),
        },
      ],
      measurements: [baseline, ...drafted],
    };
  },
};
