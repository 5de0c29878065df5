/**
 * A second source of guesses for drafters that guess from what the model thinks: what followed the last tokens earlier in
 * the text, as prompt lookup drafts it. Names and copied phrases, which small heads miss, stand there. A text that does not
 * repeat itself costs a row a step.
 */

import type { Run } from '../run.ts';
import type { Drafter } from './drafter.ts';
import { LookupLength, lookup, promptLookup } from './prompt-lookup.ts';
import { GrowingTree } from './tree.ts';

const defaults = promptLookup.options.parse({});

/** Adds the latest continuation of the last tokens to every tree that a drafter makes. Nodes of the drafter stay the first. */
export function alsoLookedUp(drafter: Omit<Drafter, 'observe'>): Drafter {
  const length = new LookupLength(defaults.draftTokens);
  let last: { chain: readonly number[]; from: number } = { chain: [], from: 0 };

  /** How much of the last chain the text went on with, whichever draft it was taken from. */
  const observe = ({ generated }: Run) => {
    const { chain, from } = last;
    if (chain.length === 0) return;
    const wrong = chain.findIndex((token, i) => generated[from + i] !== token);
    length.observe(wrong === -1 ? chain.length : wrong, chain.length);
  };

  return {
    ...drafter,
    draft: async (run, room) => {
      const tree = new GrowingTree(await drafter.draft(run, room));
      observe(run);
      const chain = lookup(run.tokens(), defaults, length.next(room)).tokens;
      last = { chain, from: run.generated.length };
      tree.graft(chain, tree.size + chain.length);
      return tree;
    },
  };
}
