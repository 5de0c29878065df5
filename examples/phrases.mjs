/**
 * A drafter of one's own: phrases that are likely to come, drafted as soon as one of them has begun.
 *   const method = phrases(model.tokenizer, ['Once upon a time, there was a', 'They lived happily ever after.']);
 *   await generate(model, prompt, { method }).result;
 */
import { defineMethod, GrowingTree, speculate } from 'quickstep/decode';
import { z } from 'zod';

export const phrases = (tokenizer, texts) => {
  const known = texts.map((text) => tokenizer.encode(text, { addSpecialTokens: false }));
  return defineMethod({
    slug: 'phrases',
    title: 'Known phrases',
    family: 'speculative',
    summary: 'Drafts the rest of a phrase once it has begun.',
    options: z.strictObject({
      draftTokens: z.int().min(1).max(64).default(12).describe('Most tokens drafted in a step.'),
    }),
    needs: ['causal'],
    sampling: 'any',
    guarantee: 'lossless',
    phases: ({ draftTokens }) =>
      speculate({
        draft(run, room) {
          const last = run.tokens().at(-1);
          const tree = new GrowingTree();
          for (const phrase of known) {
            const next = phrase.indexOf(last) + 1;
            if (next > 0) tree.graft(phrase.slice(next, next + room), draftTokens);
          }
          return tree;
        },
      }),
  });
};
