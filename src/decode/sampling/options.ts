/**
 * The options of sampling, one zod schema: types, defaults, validation and the text of CLI help all come from here.
 * Definitions of the stages are in penalties.ts and filters.ts, their order in processors.ts.
 * The object is strict: an unknown option is refused, never ignored.
 */
import { z } from 'zod';
import { QuickstepError } from '../../errors.ts';

const maxBiasEntries = 65_536;

const bias = z.union([z.number().min(-100).max(100), z.literal(Number.NEGATIVE_INFINITY)]);

/** Schema of the sampling options; extend it to build the options of a method. */
export const samplingOptions = z.strictObject({
  temperature: z
    .number()
    .min(0)
    .default(0)
    .describe(
      'Logits are divided by this number; 0 takes the most likely token (greedy), 1 samples the model as it is.',
    ),
  topK: z.int().min(0).default(0).describe('Keep only this many most likely tokens; 0 keeps all.'),
  topP: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Keep the fewest most likely tokens whose probabilities sum to at least this; 1 keeps all.'),
  minP: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Drop tokens less likely than this fraction of the most likely one; 0 keeps all.'),
  typicalP: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'Keep the tokens whose surprise is closest to the entropy until their probabilities sum to this; 1 keeps all.',
    ),
  repetitionPenalty: z
    .number()
    .positive()
    .default(1)
    .describe(
      'Divides positive and multiplies negative logits of tokens in the prompt or the output so far; 1 is off.',
    ),
  frequencyPenalty: z
    .number()
    .min(-2)
    .max(2)
    .default(0)
    .describe(
      'Subtracted from a logit once for each time the token was generated, in logits; -2 to 2, 0 is off.',
    ),
  presencePenalty: z
    .number()
    .min(-2)
    .max(2)
    .default(0)
    .describe(
      'Subtracted once from the logit of each token already generated, in logits; -2 to 2, 0 is off.',
    ),
  penaltyWindow: z
    .int()
    .min(1)
    .optional()
    .describe('Penalties look at this many last tokens only; all tokens when not given.'),
  logitBias: z
    .record(z.string().regex(/^(0|[1-9]\d{0,8})$/, 'is not a token id'), bias)
    .refine((record) => Object.keys(record).length <= maxBiasEntries, {
      error: `has more than ${maxBiasEntries} entries`,
    })
    .optional()
    .describe('Added to the logits of the given token ids, -100 to 100; -100 or -Infinity bans the token.'),
  seed: z.int().default(0).describe('Whole number; the same seed and options give the same output.'),
  logprobs: z
    .int()
    .min(0)
    .max(20)
    .optional()
    .describe(
      "Report this many most likely alternatives of each token with the model's own log probabilities.",
    ),
  minTokens: z
    .int()
    .min(0)
    .default(0)
    .describe('The end-of-sequence token is banned until this many tokens are generated.'),
});

/** Options as a user writes them: everything may be left out. */
export type SamplingInput = z.input<typeof samplingOptions>;

/** Options with their defaults filled in. */
export type SamplingOptions = z.output<typeof samplingOptions>;

/**
 * Checks options and fills in the defaults.
 * @throws QuickstepError `bad-option` naming the first option that is unknown or out of range
 */
export function parseSamplingOptions(input: unknown): SamplingOptions {
  const result = samplingOptions.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const known = Object.keys(samplingOptions.shape).join(', ');
  if (issue.code === 'unrecognized_keys') {
    throw new QuickstepError(
      'bad-option',
      `Unknown sampling option "${issue.keys[0]}".`,
      `The sampling options are ${known}.`,
    );
  }
  const [name, ...rest] = issue.path.map(String);
  if (name === undefined) {
    throw new QuickstepError(
      'bad-option',
      `Sampling options: ${issue.message}.`,
      `Give an object of ${known}.`,
    );
  }
  const entry = rest.length > 0 ? ` at "${rest.join('.')}"` : '';
  const field = samplingOptions.shape[name as keyof typeof samplingOptions.shape];
  throw new QuickstepError(
    'bad-option',
    `Sampling option "${name}"${entry}: ${issue.message}.`,
    field.description ?? '',
  );
}
