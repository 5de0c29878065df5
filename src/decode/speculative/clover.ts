/**
 * Clover ("Clover: Regressive Lightweight Speculative Decoding with Sequential Knowledge", arXiv:2405.00263): heads on the
 * model's last hidden state, each of which sees the token that the one before it guessed, draft a tree that one forward
 * verifies.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { type DraftTree, emptyDraft } from '../phases.ts';
import type { Run } from '../run.ts';
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
import { type DraftCosts, declaredRowCost, worthwhileNodes } from './draft-length.ts';
import { type Drafter, speculate } from './drafter.ts';
import { acceptOption, acceptRule, headsOption, lookupOption, treeOptions } from './head-options.ts';
import { alsoLookedUp } from './looked-up.ts';
import { GrowingTree } from './tree.ts';

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
const headCost = 0.2;

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
  phases: ({ heads: id, nodes, size, tree, mass, lookup, accept }, run) => {
    const costs = { draft: headCost, rows: declaredRowCost(run.model) };
    let lane: CloverLane | undefined;
    const pays: Pruning = size === 'fixed' ? likeliestNodes(nodes) : payingNodes(nodes, costs);
    const [width, prune]: [Width, Pruning] =
      tree === 'levels' ? [likelyTokens(mass), levelByLevel(nodes)] : [everyToken, pays];
    const draft = async (lane: CloverLane, { eosIds }: Run, text: number[], room: number) => {
      const levels = Math.min(lane.levels, room);
      const follow = (level: readonly CloverNode[]) =>
        lane.follow(level.map(({ guess: { state }, token }) => ({ state, token })));
      const guess = await lane.guess(text);
      return treeOf(await growTree(guess, { levels, width, prune, ends: eosIds, follow }), size, costs);
    };
    const drafter: Drafter = {
      read: ({ sequence }, states) => lane!.take(states, sequence.nextPosition),
      // While the prompt is read, no token is known behind the last state.
      draft: (_run, room) =>
        run.generated.length === 0 || room < 1 ? emptyDraft : draft(lane!, run, run.tokens(), room),
    };
    const phases = speculate(lookup ? alsoLookedUp(drafter) : drafter, acceptRule(accept));
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

/** The nodes as a draft, best first: all, or as many as pay. */
function treeOf(nodes: readonly CloverNode[], size: 'adaptive' | 'fixed', costs: DraftCosts): DraftTree {
  const best = [...nodes].sort((a, b) => b.probability - a.probability);
  const values = best.map(({ probability }) => probability);
  const count = size === 'fixed' ? best.length : worthwhileNodes(values, costs);
  const tree = new GrowingTree();
  const placeOf = new Map<CloverNode, number>();
  for (const node of best.slice(0, count))
    placeOf.set(node, tree.add(node.parent ? placeOf.get(node.parent)! : -1, node.token));
  return tree;
}
