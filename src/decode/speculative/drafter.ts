/**
 * What a speculative method is made of: a drafter, which guesses how the text goes on, and a rule that verifies the
 * guesses with one forward of the model. Everything else of a decoding step is as without drafts.
 */

import {
  type DraftTree,
  forcedDraft,
  type Phases,
  proposeDraft,
  rememberPath,
  walkDraft,
} from '../phases.ts';
import type { Run } from '../run.ts';

/** Drafts for one run. */
export interface Drafter {
  /**
   * Guesses continuations of the run's text.
   * @param room Most levels that are of use: the walk gives one token more than it accepts, and the answer ends.
   */
  draft(run: Run, room: number): DraftTree | Promise<DraftTree>;
  /**
   * Told of tokens that were cached, in their order: the residual stream behind the last layer [tokens, hidden], in
   * the program's basis. A view, valid until the next forward.
   */
  read?(run: Run, states: Float32Array): void;
  /** Told how many tokens of its last draft were accepted; not told of empty drafts. */
  observe?(accepted: number, draft: DraftTree): void;
}

/**
 * The phases of a speculative method, for one run. By default only drafts are accepted that plain decoding would have
 * chosen. Where a constraint forces the text, that is drafted, and the drafter is not asked.
 */
export function speculate(drafter: Drafter, verify: Phases['choose'] = walkDraft): Partial<Phases> {
  let forced: DraftTree | undefined;
  const read = drafter.read?.bind(drafter);
  return {
    ...(read && {
      read,
      remember: (run, proposal, choice, forward) => {
        const rows = rememberPath(run, proposal, choice, forward);
        read(run, rowsOf(forward.states!, rows, forward.states!.length / forward.rows));
      },
    }),
    propose: (run) => {
      forced = forcedDraft(run);
      if (forced.tokens.length > 0) return proposeDraft(run, forced);
      const draft = drafter.draft(run, run.remaining - 1);
      return draft instanceof Promise
        ? draft.then((tree) => proposeDraft(run, tree))
        : proposeDraft(run, draft);
    },
    choose: (run, proposal, scores) => {
      const choice = verify(run, proposal, scores);
      if (proposal.draft !== forced && proposal.draft.tokens.length > 0)
        drafter.observe?.(choice.accepted.length, proposal.draft);
      return choice;
    },
  };
}

/** Some rows of a matrix, one after the other. */
function rowsOf(matrix: Float32Array, rows: readonly number[], width: number): Float32Array {
  const out = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) out.set(matrix.subarray(row * width, (row + 1) * width), i * width);
  return out;
}
