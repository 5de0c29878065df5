/** Options of the methods that draft trees with heads. */

import { z } from 'zod';
import { type Phases, walkDraft } from '../phases.ts';
import type { Run } from '../run.ts';
import type { GuessChoice } from './draft-guesses.ts';
import { declaredRowCost } from './draft-length.ts';
import { LookedUp } from './looked-up.ts';
import { typicalDraft } from './verify/typical.ts';

/** Names the heads; each method has its own default. */
export const headsOption = (name: string) =>
  z
    .string()
    .min(1)
    .default(name)
    .describe('Folder of the heads, or their name among what ships with Quickstep.');

export const treeOptions = z.strictObject({
  nodes: z.int().min(1).max(64).default(16).describe('Most tokens drafted in a step.'),
  size: z
    .enum(['adaptive', 'fixed'])
    .default('adaptive')
    .describe('Draft as many tokens as pay for the rows that they add, or always `nodes`.'),
});

export const lookupOption = z
  .boolean()
  .default(true)
  .describe(
    'Also draft what followed the last tokens earlier in the text; =false drafts with the heads alone (papers).',
  );

/**
 * What is drafted of the guesses, by `treeOptions` and `lookupOption`.
 * @param headCost Of running the heads, in one-row forwards.
 */
export const guessChoice = (
  { nodes, size, lookup }: z.output<typeof treeOptions> & { lookup: boolean },
  headCost: number,
  { model }: Run,
): GuessChoice => ({
  nodes,
  costs: size === 'adaptive' ? { draft: headCost, rows: declaredRowCost(model) } : undefined,
  lookup: lookup ? new LookedUp() : undefined,
});

export const acceptOption = z
  .enum(['match', 'typical'])
  .default('match')
  .describe(
    'match takes what the same seed would give without drafts, typical also takes what is likely enough (not lossless).',
  );

/** The rule of a value of `accept`. */
export const acceptRule = (accept: z.output<typeof acceptOption>): Phases['choose'] =>
  accept === 'typical' ? typicalDraft() : walkDraft;
