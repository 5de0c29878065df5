/**
 * Draft alignment (2024): a small draft model of the same tokenizer writes what the model writes, in fewer of its
 * forwards. Ours are at most 1/2.5, and every token the same.
 */

import { load } from '../models/load.ts';
import { totalsOf } from '../tasks/measure.ts';
import { allTheSame, controlOf, forwardsOf } from './checks.ts';
import { json, sorting, sudoku, wordProblems } from './house-tasks.ts';
import type { Decoding, Proof } from './proof.ts';

const drafting = (draftTokens: number): Decoding => ({
  label: `draft model, ${draftTokens} tokens`,
  method: 'draft-alignment',
  options: { draftTokens, length: 'fixed' },
});

const decoding = drafting(5);
const greedy: Decoding = { label: 'greedy', method: 'greedy' };
const lookup: Decoding = { label: 'prompt lookup', method: 'prompt-lookup' };

export const draftAlignment: Proof = {
  slug: 'draft-alignment',
  claim:
    'With house-draft at least 2.5 times fewer forwards of house-causal than greedy decoding, and every answer the same, token for token.',
  threshold: 2.5,
  model: 'house-causal',
  tasks: [wordProblems, json, sudoku, sorting],
  decoding,
  settings: 'chains of five tokens, the longer of the two lengths in the paper; the other is three',
  async run({ measure }) {
    await using draft = await load('house-draft');
    const [baseline, ours, one, three, plain] = await measure([
      greedy,
      ...[decoding, drafting(1), drafting(3)].map((one) => ({ ...one, draft })),
      lookup,
    ]);
    const drafted = [one, three, ours];
    return {
      measured: forwardsOf(ours),
      baseline: forwardsOf(baseline),
      conditions: [...drafted, plain].map((one) => allTheSame(one, baseline)),
      controls: [controlOf(ours, plain)],
      figures: [
        {
          title: 'Tokens for each forward (block efficiency), and the most there can be',
          head: ['decoding', 'tokens a forward', 'most'],
          rows: [baseline, ...drafted].map(({ decoding: { label }, tasks }, i) => [
            label,
            totalsOf(tasks).tokensPerForward,
            [1, 2, 4, 6][i],
          ]),
        },
      ],
      measurements: [baseline, ours, one, three, plain],
    };
  },
};
