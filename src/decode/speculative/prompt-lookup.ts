/**
 * Prompt lookup (Saxena 2023, "Prompt Lookup Decoding"; LLMA, Yang et al. 2023, arXiv:2304.04487): text often
 * repeats itself, so the tokens that followed an earlier occurrence of the last n tokens are drafted and verified
 * in one forward. Several occurrences become one draft tree.
 *
 * The draft grows while it is accepted and shrinks when it is not, so that text without repetition costs little.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { type DraftTree, proposeDraft, walkDraft } from '../phases.ts';

const options = z.strictObject({
  ngramMax: z.int().min(1).max(16).default(3).describe('Longest run of last tokens to look for, in tokens.'),
  ngramMin: z.int().min(1).max(16).default(2).describe('Shortest run of last tokens to look for, in tokens.'),
  draftTokens: z.int().min(1).max(64).default(8).describe('Longest draft, in tokens.'),
  branches: z.int().min(1).max(8).default(1).describe('How many earlier occurrences to draft from at once.'),
});

/** Draft tokens of a chain that a run begins with. */
const firstLength = 4;

/**
 * Continuations of earlier occurrences of the longest suffix of `tokens` that occurs before, latest first, merged
 * into a tree of at most `branches` leaves and `length` levels.
 */
export function lookup(
  tokens: readonly number[],
  { ngramMax, ngramMin, branches }: Pick<z.output<typeof options>, 'ngramMax' | 'ngramMin' | 'branches'>,
  length: number,
): DraftTree {
  const draft = { tokens: [] as number[], parents: [] as number[] };
  const end = tokens.length;
  for (let n = Math.min(ngramMax, end - 1); n >= ngramMin && draft.tokens.length === 0; n--) {
    let found = 0;
    for (let start = end - n - 1; start >= 0 && found < branches; start--) {
      let matched = 0;
      while (matched < n && tokens[start + matched] === tokens[end - n + matched]) matched++;
      if (matched === n && graft(draft, tokens.slice(start + n, start + n + length))) found++;
    }
  }
  return draft;
}

/** Adds a chain to the tree, sharing the nodes it has in common; false when it added nothing. */
function graft(draft: { tokens: number[]; parents: number[] }, chain: readonly number[]): boolean {
  let node = -1;
  const before = draft.tokens.length;
  for (const token of chain) {
    const parent = node;
    node = draft.tokens.findIndex((drafted, i) => drafted === token && draft.parents[i] === parent);
    if (node !== -1) continue;
    node = draft.tokens.push(token) - 1;
    draft.parents.push(parent);
  }
  return draft.tokens.length > before;
}

export const promptLookup = defineMethod({
  slug: 'prompt-lookup',
  title: 'Prompt lookup',
  family: 'speculative',
  summary:
    'Drafts what followed the last tokens earlier in the text and verifies it in one forward. Lossless.',
  options,
  needs: ['causal'],
  sampling: 'any',
  guarantee: 'lossless',
  phases: (options) => {
    let length = Math.min(firstLength, options.draftTokens);
    return {
      propose: (run) => {
        // The last committed token needs no draft after it: the walk itself gives one more.
        const levels = Math.min(length, run.remaining - 1);
        return proposeDraft(run, levels > 0 ? lookup(run.tokens(), options, levels) : undefined);
      },
      choose: (run, proposal, scores) => {
        const choice = walkDraft(run, proposal, scores);
        if (proposal.draft.tokens.length > 0) {
          const all = choice.accepted.length >= length;
          length = all ? Math.min(length * 2, options.draftTokens) : Math.max(1, choice.accepted.length + 1);
        }
        return choice;
      },
    };
  },
});
