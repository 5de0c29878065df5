/** Which models may draft for which. */

import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import { rowWeights } from '../../models/row-weights.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Method } from '../method.ts';
import { DraftLanes } from './draft-lanes.ts';

/** The first token that means something else to the other tokenizer; undefined when all mean the same. */
function firstDifference(a: Tokenizer, b: Tokenizer): number | undefined {
  const size = Math.max(a.vocabSize, b.vocabSize);
  for (let id = 0; id < size; id++) {
    if (a.piece(id) !== b.piece(id) || a.specialIds.has(id) !== b.specialIds.has(id)) return id;
  }
  return undefined;
}

/**
 * Lanes of a draft model for the runs of a batch; undefined for methods that take none.
 * @throws QuickstepError 'bad-option' when a method that drafts with a model has none or another method is given one,
 * 'unsupported' for a draft model with another tokenizer or one that does not write from left to right.
 */
export function draftLanes(
  method: Method,
  model: LanguageModel,
  draft: LanguageModel | undefined,
): DraftLanes | undefined {
  if (!method.draft && draft) {
    const hint = 'Leave the draft model out, or use --method draft-alignment.';
    throw new QuickstepError('bad-option', `Method ${method.slug} takes no draft model.`, hint);
  }
  if (!method.draft) return undefined;
  if (!draft) {
    const hint = `Give a smaller model with the tokenizer of ${model.id}: --draft, or the option draft.`;
    throw new QuickstepError('bad-option', `Method ${method.slug} needs a draft model.`, hint);
  }
  const hint = `Use a smaller model of the family of ${model.id}.`;
  if (!draft.capabilities.has('causal')) {
    throw new QuickstepError('unsupported', `${draft.id} cannot draft: it is not causal.`, hint);
  }
  const token = firstDifference(model.tokenizer, draft.tokenizer);
  if (token !== undefined) {
    const what = `${draft.id} has another tokenizer than ${model.id}: they differ in token ${token}.`;
    throw new QuickstepError('unsupported', what, hint);
  }
  const cost = rowWeights(draft.config) / rowWeights(model.config);
  return new DraftLanes(draft, { vocabSize: model.config.vocabSize, cost });
}
