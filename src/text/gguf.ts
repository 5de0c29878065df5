/**
 * Tokenizers from the `tokenizer.ggml.*` metadata of a GGUF file: model `gpt2` (byte-level BPE with merges)
 * and `llama` (SentencePiece BPE with scores). Both are turned into the form of tokenizer.json, so that one
 * implementation runs them. Source of the keys: the GGUF specification of ggml.
 */
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { presetOf } from './gguf-pretokenizers.ts';
import { buildTokenizer } from './json.ts';
import { limits, parsePart } from './schema.ts';
import { pieceTypes, tokenizerFromScores, vocabOf } from './sentencepiece.ts';
import type { Tokenizer } from './tokenizer.ts';

/** GGUF metadata by full key; arrays may be typed arrays, 64-bit integers bigints. */
export type GgufMetadata = ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

const id = z.preprocess(
  (value) => (typeof value === 'bigint' ? Number(value) : value),
  z
    .int()
    .min(0)
    .max(limits.vocab - 1)
    .optional(),
);
const strings = (limit: number) =>
  z.custom<readonly string[]>(
    (value) =>
      Array.isArray(value) &&
      value.length <= limit &&
      value.every((item) => typeof item === 'string' && item.length <= limits.piece),
    `expected a list of at most ${limit} strings`,
  );
const numbers = z.custom<ArrayLike<number>>(
  (value) =>
    (Array.isArray(value) &&
      value.length <= limits.vocab &&
      value.every((item) => typeof item === 'number')) ||
    value instanceof Float32Array ||
    value instanceof Float64Array ||
    value instanceof Int32Array ||
    value instanceof Uint32Array,
  'expected a list of numbers',
);

const ggufSchema = z.object({
  model: z.string(),
  pre: z.string().default('default'),
  tokens: strings(limits.vocab),
  merges: strings(limits.merges).optional(),
  scores: numbers.optional(),
  token_type: numbers.optional(),
  bos_token_id: id,
  eos_token_id: id,
  eot_token_id: id,
  eom_token_id: id,
  unknown_token_id: id,
  add_bos_token: z.boolean().optional(),
  add_eos_token: z.boolean().optional(),
  add_space_prefix: z.boolean().optional(),
});
type GgufTokenizer = z.infer<typeof ggufSchema>;

/** Reads one key of either kind of metadata. */
export function ggufValue(metadata: GgufMetadata, key: string): unknown {
  if (metadata instanceof Map) return metadata.get(key);
  return Object.hasOwn(metadata, key) ? (metadata as Readonly<Record<string, unknown>>)[key] : undefined;
}

/** The checked `tokenizer.ggml.*` keys, and the ids that end a turn. */
function readGguf(metadata: GgufMetadata): { gguf: GgufTokenizer; eosIds: number[] } {
  const fields = Object.keys(ggufSchema.shape).map((key) => [
    key,
    ggufValue(metadata, `tokenizer.ggml.${key}`),
  ]);
  const gguf = parsePart(ggufSchema, Object.fromEntries(fields), 'The GGUF tokenizer (tokenizer.ggml.*)');
  const eosIds = [gguf.eos_token_id, gguf.eot_token_id, gguf.eom_token_id].filter((end) => end !== undefined);
  for (const special of [gguf.bos_token_id, gguf.unknown_token_id, ...eosIds]) {
    if (special !== undefined && special >= gguf.tokens.length) {
      throw badGguf(`its special id ${special} is not below its ${gguf.tokens.length} tokens`);
    }
  }
  return { gguf, eosIds };
}

/**
 * The tokenizer of GGUF metadata as contents of tokenizer.json and tokenizer_config.json.
 * @throws QuickstepError As `tokenizerFromGguf`; `unsupported` for SentencePiece, whose scores such files cannot hold.
 */
export function ggufTokenizerFiles(metadata: GgufMetadata) {
  const { gguf, eosIds } = readGguf(metadata);
  if (gguf.model === 'gpt2') return byteLevelFiles(gguf, eosIds);
  throw new QuickstepError(
    'unsupported',
    `A GGUF tokenizer of the model "${gguf.model}" has no form as tokenizer.json.`,
    'Start from the folder its publisher offers, with tokenizer.json.',
  );
}

/**
 * A tokenizer from GGUF metadata.
 * @throws QuickstepError `bad-file` when keys are missing or broken, `unsupported` for another model or `pre`.
 */
export function tokenizerFromGguf(metadata: GgufMetadata): Tokenizer {
  const { gguf, eosIds } = readGguf(metadata);
  switch (gguf.model) {
    case 'gpt2': {
      const { tokenizer, config } = byteLevelFiles(gguf, eosIds);
      return buildTokenizer(tokenizer, config);
    }
    case 'llama':
      if (!gguf.scores) throw badGguf('it has no tokenizer.ggml.scores');
      return tokenizerFromScores(gguf.tokens, gguf.scores, {
        types: gguf.token_type && Array.from(gguf.token_type),
        unkId: gguf.unknown_token_id,
        bosId: gguf.bos_token_id,
        eosIds,
        addBos: gguf.add_bos_token,
        addEos: gguf.add_eos_token,
        addSpacePrefix: gguf.add_space_prefix,
      });
    default:
      throw new QuickstepError(
        'unsupported',
        `The GGUF tokenizer model "${gguf.model}" is not supported.`,
        'Supported are "gpt2" (byte-level BPE) and "llama" (SentencePiece BPE).',
      );
  }
}

function byteLevelFiles(gguf: GgufTokenizer, eosIds: number[]) {
  if (!gguf.merges) throw badGguf('it has no tokenizer.ggml.merges');
  const preset = presetOf(gguf.pre);
  const types = gguf.token_type ?? [];
  const bos = gguf.bos_token_id === undefined ? undefined : gguf.tokens[gguf.bos_token_id];
  const addBos = bos !== undefined && (gguf.add_bos_token ?? preset.addBos);
  const json = {
    added_tokens: gguf.tokens.flatMap((content, id) =>
      types[id] === pieceTypes.control || types[id] === pieceTypes.userDefined
        ? [{ id, content, special: types[id] === pieceTypes.control }]
        : [],
    ),
    normalizer: preset.normalizer,
    pre_tokenizer: preset.preTokenizer,
    post_processor: addBos
      ? {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: bos } }, { Sequence: { id: 'A' } }],
          special_tokens: { [bos]: { ids: [gguf.bos_token_id] } },
        }
      : null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: vocabOf(gguf.tokens),
      merges: gguf.merges,
      ignore_merges: preset.ignoreMerges,
    },
  };
  return { tokenizer: json, config: { bos_token: bos, eos_token_id: eosIds } };
}

function badGguf(what: string): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `The GGUF tokenizer is not usable: ${what}.`,
    'Convert the model again, or use the file its publisher offers.',
  );
}
