/**
 * Drafts by a smaller model of the same tokenizer (Leviathan et al. 2023, arXiv:2211.17192). "Direct Alignment of Draft
 * Model for Speculative Decoding with Chat-Fine-Tuned LLMs" (arXiv:2403.00858) decodes like this; what it adds is how
 * such a model is trained, see train/recipes/house-draft-aligned.ts.
 */

import { z } from 'zod';
import { defineMethod } from '../method.ts';
import { type Phases, walkDraft } from '../phases.ts';
import { DraftLength, declaredRowCost } from './draft-length.ts';
import { DraftModel } from './draft-model.ts';
import { speculate } from './drafter.ts';
import { depthOf } from './tree.ts';
import { resampleDraft } from './verify/resample.ts';
import { typicalDraft } from './verify/typical.ts';

const options = z.strictObject({
  draftTokens: z
    .int()
    .min(1)
    .max(64)
    .default(5)
    .describe('Most tokens drafted one after the other in a step.'),
  width: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe('Most alternatives drafted for a place: 1 drafts a chain, more a tree.'),
  length: z
    .enum(['adaptive', 'fixed'])
    .default('adaptive')
    .describe('Draft as many tokens as pay by what was accepted so far, or always draftTokens.'),
  accept: z
    .enum(['match', 'resample', 'typical'])
    .default('match')
    .describe(
      'match takes what the same seed would give without drafts, resample draws anew from the same distribution, typical also takes what is likely enough (not lossless).',
    ),
});

/** The rule of each value of `accept`. */
const rules: Readonly<Record<z.output<typeof options>['accept'], Phases['choose']>> = {
  match: walkDraft,
  resample: resampleDraft,
  typical: typicalDraft(),
};

export const draftAlignment = defineMethod({
  slug: 'draft-alignment',
  title: 'Draft model',
  family: 'speculative',
  summary:
    'Drafts with a smaller model of the same tokenizer and verifies the draft in one forward. Lossless but for typical acceptance.',
  options,
  needs: ['causal'],
  draft: true,
  sampling: 'any',
  guarantee: 'lossless',
  phases: ({ draftTokens, width, length, accept }, run) => {
    const draft = run.draft!;
    const model = new DraftModel(run, draft, accept === 'resample');
    const costs = { draft: draft.cost, rows: declaredRowCost(run.model) };
    const adaptive = new DraftLength(costs, draftTokens, width);
    return speculate(
      {
        draft: (_run, room) => {
          const levels = length === 'fixed' ? draftTokens : adaptive.next();
          return model.draft({ levels: Math.min(levels, room), width, nodes: levels * width });
        },
        observe: (accepted, tree) => adaptive.observe(accepted, depthOf(tree)),
      },
      rules[accept],
    );
  },
});
