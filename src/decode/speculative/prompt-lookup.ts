/**
 * Prompt lookup (Saxena 2023, "Prompt Lookup Decoding"; LLMA, Yang et al. 2023, arXiv:2304.04487): text often
 * repeats itself, so the tokens that followed an earlier occurrence of the last n tokens are drafted and verified
 * in one forward. Several occurrences become one draft tree. As much is drafted as pays, see looked-up.ts.
 */

import { defineMethod } from '../method.ts';
import { declaredRowCost } from './draft-length.ts';
import { speculate } from './drafter.ts';
import { LookedUp, lookupOptions } from './looked-up.ts';

export const promptLookup = defineMethod({
  slug: 'prompt-lookup',
  title: 'Prompt lookup',
  family: 'speculative',
  summary:
    'Drafts what followed the last tokens earlier in the text and verifies it in one forward. Lossless.',
  options: lookupOptions,
  needs: ['causal'],
  sampling: 'any',
  guarantee: 'lossless',
  phases: (options, run) => {
    const lookup = new LookedUp(options);
    const costs = { draft: 0, rows: declaredRowCost(run.model) };
    return speculate({
      draft: (run, room) =>
        lookup.guess(run.tokens(), room).likeliest(Math.min(options.draftTokens, room), costs),
    });
  },
});
