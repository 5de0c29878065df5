/**
 * The parts of tokenizer.json that Quickstep reads, as zod schemas, and the bounds on what it accepts from an
 * untrusted file. Source of the format: the serialized form of Hugging Face `tokenizers`.
 */
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';

/** Bounds on an untrusted tokenizer; the largest published vocabularies have about 262,000 entries. */
export const limits = {
  vocab: 1 << 20,
  merges: 1 << 21,
  addedTokens: 1 << 16,
  /** UTF-16 units of one vocabulary entry. */
  piece: 4096,
  /** UTF-16 units of one regular expression. */
  pattern: 8192,
  /** Steps of one normalizer, pre-tokenizer, post-processor or decoder sequence. */
  steps: 32,
} as const;

const id = z
  .int()
  .min(0)
  .max(limits.vocab - 1);
const text = z.string().max(limits.piece);

/** A string to find literally, or a regular expression in Oniguruma's syntax. */
export const patternSchema = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);
export type Pattern = z.infer<typeof patternSchema>;

/** One normalizer, pre-tokenizer, post-processor or decoder; its own fields are checked by its builder. */
export const stepSchema = z.looseObject({ type: z.string().max(64) });
export type Step = z.infer<typeof stepSchema>;

export const addedTokenSchema = z.object({
  id,
  content: text.min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(false),
  special: z.boolean().default(false),
});
export type AddedToken = z.infer<typeof addedTokenSchema>;

/** A vocabulary is checked entry by entry where it is read: zod would copy it. */
const vocabSchema = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'expected an object of pieces and ids',
);

export const modelSchema = z.object({
  type: z.literal('BPE').optional(),
  vocab: vocabSchema,
  merges: z.custom<readonly unknown[]>(
    (value) => Array.isArray(value) && value.length <= limits.merges,
    `expected a list of at most ${limits.merges} merges`,
  ),
  unk_token: text.nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  continuing_subword_prefix: text.nullish(),
  end_of_word_suffix: text.nullish(),
});

export const tokenizerSchema = z.object({
  added_tokens: z.array(addedTokenSchema).max(limits.addedTokens).default([]),
  normalizer: stepSchema.nullish(),
  pre_tokenizer: stepSchema.nullish(),
  post_processor: stepSchema.nullish(),
  decoder: stepSchema.nullish(),
  model: z.looseObject({ type: z.string().optional() }),
});
export type TokenizerJson = z.infer<typeof tokenizerSchema>;

/**
 * `value` checked against `schema`.
 * @throws QuickstepError `bad-file`, naming `what` and the field that is wrong.
 */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue.path.length ? ` at ${issue.path.join('.')}` : '';
  throw new QuickstepError(
    'bad-file',
    `${what} is not valid${path}: ${issue.message}.`,
    'Use the tokenizer files published with the model.',
  );
}

/** The steps of `step`: those of a `Sequence` (held under `key`), or itself alone; none for null. */
export function stepsOf(step: Step | null | undefined, key: string, what: string): Step[] {
  if (!step) return [];
  if (step.type !== 'Sequence') return [step];
  return parsePart(z.array(stepSchema).max(limits.steps), step[key], what);
}

/** The error for a step that exists in the format but is not implemented here. */
export function unsupportedStep(what: string, type: string): QuickstepError {
  return new QuickstepError(
    'unsupported',
    `The tokenizer's ${what} "${type}" is not supported.`,
    'Quickstep reads byte-level BPE and SentencePiece BPE tokenizers; choose a model that has one.',
  );
}
