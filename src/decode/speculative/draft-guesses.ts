/** Drafters that guess from what the model thinks and from the text, and draft the best of both. */

import { emptyDraft } from '../phases.ts';
import type { Run } from '../run.ts';
import type { DraftCosts } from './draft-length.ts';
import type { Drafter } from './drafter.ts';
import { GuessTree } from './guesses.ts';
import type { LookedUp } from './looked-up.ts';

/** Guesses from what the model thinks. */
export interface Guesser {
  /** @param room Most levels that are of use. */
  guess(run: Run, room: number): Promise<GuessTree>;
  /** See `Drafter.read`. */
  read?: Drafter['read'];
}

export interface GuessChoice {
  /** Most tokens drafted in a step. */
  nodes: number;
  /** Of drafting and of rows; without them all `nodes` are drafted, whatever they cost. */
  costs?: DraftCosts;
  /** Also what followed the last tokens earlier in the text. */
  lookup?: LookedUp;
}

/** What the text itself says of the next token, from which on the guesser is not asked: it would cost more than it adds. */
const clear = 0.5;

/**
 * Drafts the best of a guesser's guesses and of what stands in the text already: names and copied phrases, which small heads
 * miss.
 */
export function draftGuesses(guesser: Guesser, { nodes, costs, lookup }: GuessChoice): Drafter {
  return {
    read: guesser.read,
    draft: async (run, room) => {
      if (room < 1) return emptyDraft;
      const lookedUp = lookup?.guess(run.tokens(), room) ?? new GuessTree();
      if (costs && lookedUp.probabilities[0] > clear)
        return lookedUp.likeliest(nodes, { ...costs, draft: 0 });
      const guesses = await guesser.guess(run, room);
      return guesses.join(lookedUp).likeliest(nodes, costs);
    },
  };
}
