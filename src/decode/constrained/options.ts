/** The options of generation that constrain an answer, and what they are compiled to. */

import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Language } from './language.ts';
import { regexLanguage } from './regex/regex.ts';
import { TokenConstraint } from './token-constraint.ts';
import { Vocabulary } from './vocabulary.ts';

/** At most one of them may be given. */
export interface ConstraintOptions {
  /** The answer matches this regular expression from its first to its last character. */
  regex?: string;
  /** The answer belongs to this language: a `stringSet`, `growingStrings`, or one of your own. */
  constraint?: Language;
}

export const constraintKeys = ['regex', 'constraint'] as const satisfies (keyof ConstraintOptions)[];

/** Compiled constraints kept for each tokenizer. */
const maxKept = 16;

/** What is compiled for a tokenizer. */
interface Compiled {
  readonly vocabulary: Vocabulary;
  readonly bySource: Map<string, TokenConstraint>;
  readonly byLanguage: WeakMap<Language, TokenConstraint>;
}

const compiled = new WeakMap<Tokenizer, Compiled>();

/**
 * The constraint that the options ask for, compiled for the model's vocabulary; kept, so that asking again is free.
 * @throws QuickstepError 'bad-option' for several constraints at once, a broken one, or one that no answer satisfies;
 * 'unsupported' for what a front end does not know, or a model without an end token
 */
export function constraintOf(model: LanguageModel, options: ConstraintOptions): TokenConstraint | undefined {
  const given = constraintKeys.filter((key) => options[key] !== undefined);
  if (given.length === 0) return undefined;
  if (given.length > 1) {
    const hint = 'Give one of them.';
    throw new QuickstepError('bad-option', `There are two constraints: ${given.join(' and ')}.`, hint);
  }
  const kept = compiledFor(model);
  const { constraint, regex } = options;
  if (constraint) {
    const known = kept.byLanguage.get(constraint) ?? new TokenConstraint(constraint, kept.vocabulary);
    kept.byLanguage.set(constraint, known);
    return known;
  }
  return remember(kept, `regex ${regex}`, () => regexLanguage(regex!));
}

function compiledFor({ id, tokenizer, eosIds }: LanguageModel): Compiled {
  let kept = compiled.get(tokenizer);
  if (!kept) {
    if (eosIds.length === 0) {
      const hint = 'Use a model whose configuration names an end token.';
      throw new QuickstepError(
        'unsupported',
        `${id} has no end token to end a constrained answer with.`,
        hint,
      );
    }
    kept = { vocabulary: new Vocabulary(tokenizer, eosIds), bySource: new Map(), byLanguage: new WeakMap() };
    compiled.set(tokenizer, kept);
  }
  return kept;
}

function remember(
  { vocabulary, bySource }: Compiled,
  source: string,
  language: () => Language,
): TokenConstraint {
  const constraint = bySource.get(source) ?? new TokenConstraint(language(), vocabulary);
  // The one used last is the last to go.
  bySource.delete(source);
  bySource.set(source, constraint);
  const [oldest] = bySource.keys();
  if (bySource.size > maxKept) bySource.delete(oldest);
  return constraint;
}
