/**
 * Medusa ("Medusa: Simple LLM Inference Acceleration Framework with Multiple Decoding Heads", arXiv:2401.10774): small
 * heads on the model's last hidden state guess the tokens behind the next one, and one forward verifies a tree of their
 * guesses.
 */

import { z } from 'zod';
import { type MedusaHeads, openMedusa } from '../../models/draft-heads/medusa.ts';
import { defineMethod } from '../method.ts';
import { emptyDraft } from '../phases.ts';
import { declaredRowCost, worthwhileNodes } from './draft-length.ts';
import { type Drafter, speculate } from './drafter.ts';
import { acceptOption, acceptRule, headsOption, lookupOption, treeOptions } from './head-options.ts';
import { alsoLookedUp } from './looked-up.ts';
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

/** Cost of running the heads, in one-row forwards: a hundredth of the weights, and a call. */
const headCost = 0.03;

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
  phases: ({ heads: id, nodes, size, tree, lookup, accept }, run) => {
    const costs = { draft: headCost, rows: declaredRowCost(run.model) };
    let heads: MedusaHeads | undefined;
    /** Of the last token that the model has read: the next one is known, and the heads guess what follows it. */
    let state: Float32Array | undefined;
    const drafter: Drafter = {
      read: (_run, states) => {
        state = states.slice(-heads!.facts.hiddenSize);
      },
      draft: async (_run, room) => {
        // While the prompt is read in parts, no token is known behind the state.
        if (!state || run.generated.length === 0 || room < 1) return emptyDraft;
        const [ranked] = await heads!.rank(state);
        const accuracies =
          tree === 'measured'
            ? heads!.facts.accuracies
            : ranked.map(({ probabilities }) => [...probabilities]);
        const shape = likeliestShape(accuracies.slice(0, room), nodes);
        const count = size === 'fixed' ? nodes : worthwhileNodes(shape.values, costs);
        return shapedTree(shape, count, (level, rank) => ranked[level].tokens[rank]);
      },
    };
    const phases = speculate(lookup ? alsoLookedUp(drafter) : drafter, acceptRule(accept));
    return {
      ...phases,
      prepare: async () => {
        heads = await openMedusa(run.model!, id);
      },
    };
  },
});
