/** The card of draft heads: what they are, what they were trained on, and how often they were right. */

import type { HeadFacts } from '../../../models/draft-heads/file.ts';
import type { Judged } from './judge.ts';

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

export interface CardFacts {
  title: string;
  /** Slug of the recipe. */
  recipe: string;
  facts: HeadFacts;
  judged: Judged;
  /** Answers trained on and held out, and tokens of the former. */
  answers: { training: number; heldOut: number; tokens: number };
}

export function headCard({ title, recipe, facts, judged, answers }: CardFacts): string {
  const { kind, model, tokens } = facts;
  const rows = judged.top.map(
    ({ first, any }, head) => `| ${head + 2} | ${percent(first)} | ${percent(any)} |`,
  );
  return `---
license: apache-2.0
library_name: quickstep
---
# ${title} for ${model}

Guess tokens ahead of ${model}, which verifies them. Made by \`quickstep train ${recipe}\` from ${answers.training} answers
(${answers.tokens} tokens) that the model itself wrote to prompts of our own making. They hold neither an output head nor
embeddings: those are the model's, of which the ${tokens.length} tokens that the answers used most are drafted.
Used by \`--method ${kind}\`.

On ${judged.rows} places of ${answers.heldOut} answers that were held out, with the true text up to the place:

| tokens ahead | first guess right | among ten |
|---|---|---|
${rows.join('\n')}
`;
}
