/**
 * Medusa ("Medusa: Simple LLM Inference Acceleration Framework with Multiple Decoding Heads", arXiv:2401.10774): small
 * heads on the model's last hidden state guess the tokens behind the next one, and one forward verifies a tree of their
 * guesses.
 */

import { z } from 'zod';
import { type MedusaHeads, openMedusa } from '../../models/draft-heads/medusa.ts';
import { defineMethod } from '../method.ts';
import { draftGuesses, type Guesser } from './draft-guesses.ts';
import { speculate } from './drafter.ts';
import { GuessTree, howOftenRight } from './guesses.ts';
import {
  acceptOption,
  acceptRule,
  guessChoice,
  headsOption,
  lookupOption,
  treeOptions,
} from './head-options.ts';
import { likeliestShape, shapedTree } from './tree.ts';

const options = z.strictObject({
  heads: headsOption('smollm2-medusa'),
  ...treeOptions.shape,
  tree: z
    .enum(['confidence', 'measured'])
    .default('confidence')
    .describe(
      'Where the tree branches: by how sure the heads are at this place, or always alike, by how often they were right (the paper).',
    ),
  lookup: lookupOption,
  accept: acceptOption,
});

/** Cost of running the heads, in one-row forwards. */
const headCost = 0.07;

export const medusa = defineMethod({
  slug: 'medusa',
  title: 'Medusa',
  family: 'speculative',
  summary:
    "Drafts a tree with small heads on the model's last hidden state and verifies it in one forward. Lossless but for typical acceptance.",
  options,
  needs: ['causal', 'hidden-states'],
  sampling: 'any',
  guarantee: 'lossless',
  phases: ({ heads: id, tree, accept, ...choice }, run) => {
    let heads: MedusaHeads | undefined;
    /** Of the last token that the model has read: the next one is known, and the heads guess what follows it. */
    let state: Float32Array | undefined;
    const guesser: Guesser = {
      read: (_run, states) => {
        state = states.slice(-heads!.facts.hiddenSize);
      },
      guess: async ({ generated }, room) => {
        // While the prompt is read in parts, no token is known behind the state.
        if (!state || generated.length === 0) return new GuessTree();
        const [ranked] = await heads!.rank(state);
        const accuracies =
          tree === 'measured'
            ? heads!.facts.accuracies
            : ranked.map(({ probabilities }) => Array.from(probabilities, howOftenRight));
        const shape = likeliestShape(accuracies.slice(0, room), choice.nodes);
        return shapedTree(shape, (level, rank) => ranked[level].tokens[rank]);
      },
    };
    const phases = speculate(draftGuesses(guesser, guessChoice(choice, headCost, run)), acceptRule(accept));
    return {
      ...phases,
      prepare: async () => {
        heads = await openMedusa(run.model!, id);
      },
    };
  },
});
