/** Which models may draft for which, and judge for which. */

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

/** What a second model is for, and what to say about it. */
const roles = {
  draft: {
    name: 'draft model',
    give: 'Give a smaller model with the tokenizer of',
    option: '--draft, or the option draft',
  },
  router: {
    name: 'router',
    give: 'Give a model that judges steps, with the tokenizer of',
    option: '--router, or the option router',
  },
} as const;

/**
 * Lanes of a second model for the runs of a batch; undefined for methods that take none.
 * @throws QuickstepError 'bad-option' when a method that takes one has none or another method is given one,
 * 'unsupported' for one with another tokenizer or one that does not write from left to right.
 */
export function companionLanes(
  role: keyof typeof roles,
  method: Method,
  model: LanguageModel,
  companion: LanguageModel | undefined,
): DraftLanes | undefined {
  const { name, give, option } = roles[role];
  if (!method[role] && companion) {
    const hint = `Leave the ${name} out, or use --method ${role === 'draft' ? 'draft-alignment' : 'arbitrage'}.`;
    throw new QuickstepError('bad-option', `Method ${method.slug} takes no ${name}.`, hint);
  }
  if (!method[role]) return undefined;
  if (!companion) {
    const hint = `${give} ${model.id}: ${option}.`;
    throw new QuickstepError('bad-option', `Method ${method.slug} needs a ${name}.`, hint);
  }
  const hint = `Use a smaller model of the family of ${model.id}.`;
  if (!companion.capabilities.has('causal')) {
    throw new QuickstepError('unsupported', `${companion.id} is no ${name}: it is not causal.`, hint);
  }
  const token = firstDifference(model.tokenizer, companion.tokenizer);
  if (token !== undefined) {
    const what = `${companion.id} has another tokenizer than ${model.id}: they differ in token ${token}.`;
    throw new QuickstepError('unsupported', what, hint);
  }
  const cost = rowWeights(companion.config) / rowWeights(model.config);
  return new DraftLanes(companion, { vocabSize: model.config.vocabSize, cost });
}
