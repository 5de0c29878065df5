/** The options of generation that constrain an answer, and what they are compiled to. */

import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';
import type { LanguageModel } from '../../models/language-model.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { gbnfLanguage } from './gbnf/gbnf.ts';
import { jsonSchemaLanguage } from './json-schema/compile.ts';
import type { Language } from './language.ts';
import { Recent } from './recent.ts';
import { regexLanguage } from './regex/regex.ts';
import { TokenConstraint } from './token-constraint.ts';
import { Vocabulary } from './vocabulary.ts';

/** At most one of them may be given. */
export interface ConstraintOptions {
  /** The answer is JSON that is valid under this JSON Schema or zod schema; the result carries it as a value. */
  schema?: z.ZodType | Readonly<Record<string, unknown>> | boolean;
  /** The answer is a text of this context-free grammar, in GBNF notation. */
  grammar?: string;
  /** The answer matches this regular expression from its first to its last character. */
  regex?: string;
  /** The answer belongs to this language: a `stringSet`, `growingStrings`, or one of your own. */
  constraint?: Language;
}

export const constraintKeys = [
  'schema',
  'grammar',
  'regex',
  'constraint',
] as const satisfies readonly (keyof ConstraintOptions)[];

/** Compiled constraints kept for each tokenizer. */
const maxKept = 16;

/** What is compiled for a tokenizer. */
interface Compiled {
  readonly vocabulary: Vocabulary;
  readonly bySource: Recent<string, TokenConstraint>;
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
  const { constraint, regex, grammar, schema } = options;
  if (constraint) {
    const known = kept.byLanguage.get(constraint) ?? new TokenConstraint(constraint, kept.vocabulary);
    kept.byLanguage.set(constraint, known);
    return known;
  }
  const compiledOnce = (source: string, language: () => Language) =>
    kept.bySource.of(source, () => new TokenConstraint(language(), kept.vocabulary));
  if (regex !== undefined) return compiledOnce(`regex ${regex}`, () => regexLanguage(regex));
  if (grammar !== undefined) return compiledOnce(`grammar ${grammar}`, () => gbnfLanguage(grammar));
  const document = jsonSchemaOf(schema!);
  return compiledOnce(`schema ${sourceOf(document)}`, () => jsonSchemaLanguage(document));
}

const isZod = (schema: NonNullable<ConstraintOptions['schema']>): schema is z.ZodType =>
  typeof schema === 'object' && '_zod' in schema;

/** What a zod schema reads, as JSON Schema; a JSON Schema as it is. */
function jsonSchemaOf(schema: NonNullable<ConstraintOptions['schema']>): unknown {
  if (!isZod(schema)) return schema;
  try {
    return z.toJSONSchema(schema, { io: 'input' });
  } catch (cause) {
    const hint = 'Use types that JSON has: a date as a text, for instance.';
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuickstepError('unsupported', `The zod schema has no JSON Schema: ${reason}.`, hint, { cause });
  }
}

/** A schema as text; longer ones are refused unread. */
const maxSchema = 4 * 1024 * 1024;

function sourceOf(document: unknown): string {
  let source: string | undefined;
  try {
    source = JSON.stringify(document);
  } catch (cause) {
    throw new QuickstepError('bad-option', 'The schema is no JSON.', 'Give an object of keywords.', {
      cause,
    });
  }
  if (source === undefined || source.length > maxSchema) {
    const problem = source ? `has ${source.length} characters` : 'is no JSON';
    throw new QuickstepError(
      'bad-option',
      `The schema ${problem}.`,
      `Give JSON of at most ${maxSchema} characters.`,
    );
  }
  return source;
}

/**
 * What a finished answer says, under a schema.
 * @throws QuickstepError 'bad-input' when the answer was cut off, or a check of the zod schema's own fails
 */
export function readAnswer(
  schema: NonNullable<ConstraintOptions['schema']>,
  text: string,
  complete: boolean,
): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (complete) throw cause;
    const hint = 'Raise maxTokens.';
    throw new QuickstepError('bad-input', 'The answer was cut off before it was complete.', hint, { cause });
  }
  if (!isZod(schema)) return value;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ message, path }] = parsed.error.issues;
  const where = path.length > 0 ? ` at ${path.join('.')}` : '';
  const hint = 'Checks that are code cannot be decoded under; catch this error, or ask again.';
  throw new QuickstepError('bad-input', `The answer fails a check of the schema${where}: ${message}.`, hint);
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
    kept = {
      vocabulary: new Vocabulary(tokenizer, eosIds),
      bySource: new Recent(maxKept),
      byLanguage: new WeakMap(),
    };
    compiled.set(tokenizer, kept);
  }
  return kept;
}
