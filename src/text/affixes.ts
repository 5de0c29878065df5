/**
 * Post-processors of tokenizer.json, as far as they concern one text: the ids that go before and after it.
 */
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { limits, parsePart, type Step, stepsOf, unsupportedStep } from './schema.ts';

const id = z
  .int()
  .min(0)
  .max(limits.vocab - 1);
const templateSchema = z.object({
  single: z
    .array(
      z.union([
        z.object({ SpecialToken: z.looseObject({ id: z.string() }) }),
        z.object({ Sequence: z.looseObject({ id: z.string() }) }),
      ]),
    )
    .max(64),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(id).max(64) })),
});
const pairSchema = z.object({ cls: z.tuple([z.string(), id]), sep: z.tuple([z.string(), id]) });

/** Ids around a text. */
export interface Affixes {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

/**
 * The ids a post-processor puts around one text; none for null.
 * @throws QuickstepError `unsupported` for a type that is not implemented, `bad-file` for a broken one.
 */
export function specialAffixes(config: Step | null | undefined): Affixes {
  let prefix: number[] = [];
  let suffix: number[] = [];
  for (const step of stepsOf(config, 'processors', "The tokenizer's post-processor")) {
    const added = stepAffixes(step);
    prefix = [...added.prefix, ...prefix];
    suffix = [...suffix, ...added.suffix];
  }
  return { prefix, suffix };
}

function stepAffixes(step: Step): Affixes {
  switch (step.type) {
    case 'ByteLevel':
      return { prefix: [], suffix: [] };
    case 'TemplateProcessing':
      return templateAffixes(step);
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const { cls, sep } = parsePart(pairSchema, step, `The ${step.type} post-processor`);
      return { prefix: [cls[1]], suffix: [sep[1]] };
    }
    default:
      throw unsupportedStep('post-processor', step.type);
  }
}

function templateAffixes(step: Step): Affixes {
  const { single, special_tokens } = parsePart(templateSchema, step, 'The TemplateProcessing post-processor');
  const prefix: number[] = [];
  const suffix: number[] = [];
  let side = prefix;
  for (const item of single) {
    if ('Sequence' in item) {
      side = suffix;
      continue;
    }
    const token = special_tokens[item.SpecialToken.id];
    if (!token) {
      throw new QuickstepError(
        'bad-file',
        `The tokenizer's template names ${JSON.stringify(item.SpecialToken.id.slice(0, 80))}, which it does not define.`,
        'Use the tokenizer.json published with the model.',
      );
    }
    side.push(...token.ids);
  }
  return { prefix, suffix };
}
