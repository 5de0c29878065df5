/**
 * Clover ("Clover: Regressive Lightweight Speculative Decoding with Sequential Knowledge", arXiv:2405.00263): heads on the
 * model's last hidden state, each of which sees the token that the one before it guessed, draft a tree that one forward
 * verifies.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { type CloverLane, openClover } from './clover-lanes.ts';
import {
  type CloverNode,
  growTree,
  levelByLevel,
  likeliestNodes,
  likelyTokens,
  type Pruning,
  type Width,
} from './clover-tree.ts';
import { draftGuesses, type Guesser } from './draft-guesses.ts';
import { type DraftCosts, worthwhileNodes } from './draft-length.ts';
import { speculate } from './drafter.ts';
import { GuessTree } from './guesses.ts';
import {
  acceptOption,
  acceptRule,
  guessChoice,
  headsOption,
  lookupOption,
  treeOptions,
} from './head-options.ts';

const options = z.strictObject({
  heads: headsOption('smollm2-clover'),
  ...treeOptions.shape,
  tree: z
    .enum(['confidence', 'levels'])
    .default('confidence')
    .describe(
      'Keep the most probable tokens of all, or of each level as many as those before have left (the paper).',
    ),
  mass: z
    .number()
    .gt(0)
    .max(1)
    .default(0.95)
    .describe('With levels: mass of the tokens that may follow a drafted one.'),
  lookup: lookupOption,
  accept: acceptOption,
});

/** Cost of running the heads, in one-row forwards: an eighth of the weights, and three calls. */
const headCost = 0.25;

/** Whatever a head names. */
const everyToken: Width = ({ tokens }) => tokens.length;

export const clover = defineMethod({
  slug: 'clover',
  title: 'Clover',
  family: 'speculative',
  summary:
    "Drafts a tree with small heads on the model's last hidden state, each told the guess before its own, and verifies it in one forward. Lossless but for typical acceptance.",
  options,
  needs: ['causal', 'hidden-states'],
  sampling: 'any',
  guarantee: 'lossless',
  phases: ({ heads: id, tree, mass, accept, ...options }, run) => {
    const choice = guessChoice(options, headCost, run);
    const { nodes, costs } = choice;
    let lane: CloverLane | undefined;
    const [width, prune]: [Width, Pruning] =
      tree === 'levels'
        ? [likelyTokens(mass), levelByLevel(nodes)]
        : [everyToken, costs ? payingNodes(nodes, costs) : likeliestNodes(nodes)];
    const follow = (level: readonly CloverNode[]) =>
      lane!.follow(level.map(({ guess: { state }, token }) => ({ state, token })));
    const guesser: Guesser = {
      read: ({ sequence }, states) => lane!.take(states, sequence.nextPosition),
      guess: async ({ generated, eosIds }, room) => {
        // While the prompt is read, no token is known behind the last state.
        if (generated.length === 0) return new GuessTree();
        const levels = Math.min(lane!.levels, room);
        const guess = await lane!.guess(run.tokens());
        return treeOf(await growTree(guess, { levels, width, prune, ends: eosIds, follow }));
      },
    };
    const phases = speculate(draftGuesses(guesser, choice), acceptRule(accept));
    return {
      ...phases,
      prepare: async () => {
        lane = await (await openClover(run.model!, id)).open();
      },
      conclude: async () => lane?.close(),
    };
  },
});

/** The most probable nodes as far as they pay. What does not pay now never will: better nodes to come only raise the bar. */
const payingNodes =
  (nodes: number, costs: DraftCosts): Pruning =>
  (kept, level) => {
    const best = likeliestNodes(nodes)(kept, level);
    const values = best.map(({ probability }) => probability);
    return best.slice(0, worthwhileNodes(values, costs));
  };

/** The nodes as guesses. */
function treeOf(nodes: readonly CloverNode[]): GuessTree {
  const tree = new GuessTree();
  const placeOf = new Map<CloverNode, number>();
  // Parents first, also where a child is as likely: sorting is stable.
  for (const node of [...nodes].sort((a, b) => b.probability - a.probability))
    placeOf.set(node, tree.add(node.parent ? placeOf.get(node.parent)! : -1, node.token, node.given));
  return tree;
}
