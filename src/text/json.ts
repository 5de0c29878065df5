/**
 * Tokenizers from tokenizer.json and tokenizer_config.json (the serialized form of Hugging Face
 * `tokenizers`). The files are untrusted: every field is checked and every size bounded before it is used.
 */
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { AddedTokenSplitter } from './added.ts';
import { specialAffixes } from './affixes.ts';
import { BytePairEncoder } from './bpe.ts';
import { createTokenDecoder } from './decoder.ts';
import { createNormalizer } from './normalize.ts';
import { createPreTokenizer } from './pretokenize.ts';
import {
  type AddedToken,
  limits,
  modelSchema,
  parsePart,
  tokenizerSchema,
  unsupportedStep,
} from './schema.ts';
import { PipelineTokenizer, type Tokenizer } from './tokenizer.ts';

type Model = z.infer<typeof modelSchema>;

const tokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({
  bos_token: tokenSchema,
  eos_token: tokenSchema,
  eos_token_id: z.union([z.int(), z.array(z.int()).max(256)]).nullish(),
});

/**
 * A tokenizer from the parsed contents of tokenizer.json and tokenizer_config.json. `config.eos_token_id`
 * (a number or a list, as in generation_config.json) adds to the EOS set.
 * @throws QuickstepError `bad-file` for broken or oversized contents, `unsupported` for another family.
 */
export function tokenizerFromJson(tokenizerJson: unknown, config: Record<string, unknown>): Tokenizer {
  return buildTokenizer(tokenizerJson, config);
}

/** As tokenizerFromJson; `ranks` gives merges of equal score an equal rank, which the file cannot say. */
export function buildTokenizer(tokenizerJson: unknown, config: unknown, ranks?: Int32Array): Tokenizer {
  const file = parsePart(tokenizerSchema, tokenizerJson, 'tokenizer.json');
  if (file.model.type !== undefined && file.model.type !== 'BPE')
    throw unsupportedStep('model', file.model.type);
  const model = parsePart(modelSchema, file.model, "tokenizer.json's model");
  const vocab = readVocab(model);
  const pieces: (string | undefined)[] = [];
  for (const [piece, id] of vocab) setPiece(pieces, id, piece);
  for (const token of file.added_tokens) setPiece(pieces, token.id, token.content);

  const normalize = createNormalizer(file.normalizer);
  const idOf = (content: string): number | undefined =>
    file.added_tokens.find((token) => token.content === content)?.id ?? vocab.get(content);
  const { bosId, eosIds } = markers(config, idOf);
  const found = (token: AddedToken, text: string) => ({ token, found: text });
  return new PipelineTokenizer({
    pieces,
    addedIds: new Set(file.added_tokens.map((token) => token.id)),
    specialIds: new Set(file.added_tokens.filter((token) => token.special).map((token) => token.id)),
    rawSplitter: new AddedTokenSplitter(
      file.added_tokens.filter((token) => !token.normalized).map((token) => found(token, token.content)),
    ),
    normalizedSplitter: new AddedTokenSplitter(
      file.added_tokens
        .filter((token) => token.normalized)
        .map((token) => found(token, normalize(token.content))),
    ),
    normalize,
    preTokenize: createPreTokenizer(file.pre_tokenizer),
    encoder: createEncoder(model, vocab, ranks),
    decoder: createTokenDecoder(file.decoder),
    ...specialAffixes(file.post_processor),
    bosId,
    eosIds,
  });
}

function readVocab(model: Model): Map<string, number> {
  const vocab = new Map<string, number>();
  for (const piece of Object.keys(model.vocab)) {
    const id = model.vocab[piece];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= limits.vocab) {
      throw badVocab(`the piece ${JSON.stringify(piece.slice(0, 80))} has the id ${String(id).slice(0, 80)}`);
    }
    if (piece.length > limits.piece) throw badVocab(`the piece of id ${id} has ${piece.length} characters`);
    if (vocab.size >= limits.vocab) throw badVocab(`it has more than ${limits.vocab} pieces`);
    vocab.set(piece, id);
  }
  if (vocab.size === 0) throw badVocab('it is empty');
  return vocab;
}

function setPiece(pieces: (string | undefined)[], id: number, piece: string): void {
  while (pieces.length < id) pieces.push(undefined);
  pieces[id] = piece;
}

function createEncoder(
  model: Model,
  vocab: Map<string, number>,
  ranks: Int32Array | undefined,
): BytePairEncoder {
  const suffix = model.continuing_subword_prefix || model.end_of_word_suffix;
  if (suffix) throw unsupportedStep('word affix', suffix);
  const unkId = model.unk_token == null ? undefined : vocab.get(model.unk_token);
  if (model.unk_token != null && unkId === undefined) {
    throw badVocab(`its unknown token ${JSON.stringify(model.unk_token.slice(0, 80))} is not a piece`);
  }
  try {
    return new BytePairEncoder({
      vocab,
      merges: model.merges.map(readMerge),
      ranks,
      unkId,
      fuseUnk: model.fuse_unk ?? false,
      byteFallback: model.byte_fallback ?? false,
      ignoreMerges: model.ignore_merges ?? false,
    });
  } catch (error) {
    if (error instanceof RangeError) throw badVocab(error.message);
    throw error;
  }
}

/** A merge is `"left right"` in older files and `["left", "right"]` in newer ones. */
function readMerge(merge: unknown, index: number): readonly [string, string] {
  const [left, right, more] =
    typeof merge === 'string' ? merge.split(' ', 3) : Array.isArray(merge) ? merge : [];
  if (typeof left !== 'string' || typeof right !== 'string' || more !== undefined) {
    throw badVocab(`merge ${index} is not a pair of pieces`);
  }
  return [left, right];
}

function markers(config: unknown, idOf: (content: string) => number | undefined) {
  const parsed = parsePart(configSchema, config, 'tokenizer_config.json');
  const idOfToken = (token: z.infer<typeof tokenSchema>): number | undefined =>
    token == null ? undefined : idOf(typeof token === 'string' ? token : token.content);
  const eos = [idOfToken(parsed.eos_token), parsed.eos_token_id]
    .flat()
    .filter((id) => typeof id === 'number');
  return { bosId: idOfToken(parsed.bos_token), eosIds: [...new Set(eos)] };
}

function badVocab(what: string): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `The tokenizer's vocabulary is not usable: ${what}.`,
    'Use the tokenizer files published with the model.',
  );
}
