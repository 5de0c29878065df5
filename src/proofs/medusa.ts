/**
 * Medusa (2024): heads on the model's last hidden state, and a tree of their guesses verified by one forward, write what
 * the model writes, in fewer of its forwards. Ours are at most half as many, and every token the same.
 */

import { totalsOf } from '../tasks/measure.ts';
import { allTheSame, controlOf, forwardsOf } from './checks.ts';
import { countdown, json, sorting, sudoku, wordProblems } from './house-tasks.ts';
import type { Decoding, Proof } from './proof.ts';

const heads = 'house-medusa';

const measuredTree = (nodes: number): Decoding => ({
  label: `tree of ${nodes}`,
  method: 'medusa',
  options: { heads, lookup: false, nodes, size: 'fixed', tree: 'measured' },
});

const decoding = measuredTree(64);
const greedy: Decoding = { label: 'greedy', method: 'greedy' };
const lookup: Decoding = { label: 'prompt lookup', method: 'prompt-lookup' };
const sure: Decoding = {
  label: 'sure tree of 16',
  method: 'medusa',
  options: { heads, lookup: false, nodes: 16, size: 'fixed' },
};
const adaptive: Decoding = { label: 'tree that pays', method: 'medusa', options: { heads, lookup: false } };

export const medusa: Proof = {
  slug: 'medusa',
  claim:
    'With trained heads at least 2 times fewer forwards of house-causal than greedy decoding, and every answer the same, token for token.',
  threshold: 2,
  model: 'house-causal',
  tasks: [wordProblems, countdown, json, sudoku, sorting],
  decoding,
  settings:
    'a tree of 64 nodes from the accuracies of the heads on held-out answers, as large as the paper has it',
  async run({ measure }) {
    const [baseline, ours, small, bySure, paying, plain] = await measure([
      greedy,
      decoding,
      measuredTree(16),
      sure,
      adaptive,
      lookup,
    ]);
    const drafted = [ours, small, bySure, paying];
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: drafted.map((one) => allTheSame(one, baseline)),
      controls: [controlOf(ours, plain)],
      figures: [
        {
          title: 'Tokens for each forward; 4 are the most, from three heads',
          head: ['decoding', 'tokens a forward'],
          rows: [baseline, ...drafted, plain].map(({ decoding: { label }, tasks }) => [
            label,
            totalsOf(tasks).tokensPerForward,
          ]),
        },
      ],
      measurements: [baseline, ours, small, bySure, paying, plain],
    };
  },
};
