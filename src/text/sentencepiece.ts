/**
 * SentencePiece BPE vocabularies, which hold a score for each piece instead of merges: the adjacent pair whose
 * union has the best score is merged first, leftmost among equals (Kudo & Richardson 2018). They are turned
 * into the tokenizer.json form, with merges found by cutting every piece in two.
 */
import { QuickstepError } from '../errors.ts';
import { buildTokenizer } from './json.ts';
import { limits } from './schema.ts';
import type { Tokenizer } from './tokenizer.ts';

/** The space of SentencePiece, U+2581. */
const metaspace = '\u2581';

/** Longest piece that is cut into merges, in characters; the longest published ones have 64. */
const longestMerged = 256;

/** The kinds of pieces, numbered as in the SentencePiece model and in GGUF. */
export const pieceTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface ScoredVocabOptions {
  /** A number of `pieceTypes` per piece; without it only `unkId`, `bosId`, `eosIds` and `<0xNN>` are not normal. */
  readonly types?: readonly number[];
  readonly unkId?: number;
  readonly bosId?: number;
  readonly eosIds?: readonly number[];
  /** Put BOS before a text; default true when there is one. */
  readonly addBos?: boolean;
  /** Put the first EOS after a text; default false. */
  readonly addEos?: boolean;
  /** Put a space before each stretch of text; default true. */
  readonly addSpacePrefix?: boolean;
}

/**
 * A tokenizer from pieces and their scores, both by id. Spaces in pieces are written as U+2581.
 * @throws QuickstepError `bad-file` for lists that do not fit together or are too large.
 */
export function tokenizerFromScores(
  pieces: readonly string[],
  scores: ArrayLike<number>,
  options: ScoredVocabOptions = {},
): Tokenizer {
  checkSizes(pieces, scores, options);
  const { bosId, unkId, eosIds = [], addBos = true, addEos = false, addSpacePrefix = true } = options;
  const types = pieces.map((piece, id) => options.types?.[id] ?? guessType(piece, id, options));
  const { merges, ranks } = mergesByScore(pieces, scores, types);
  const special = (id: number) => ({ SpecialToken: { id: pieces[id] } });
  const around = [...(addBos && bosId !== undefined ? [bosId] : []), ...(addEos ? eosIds.slice(0, 1) : [])];
  const json = {
    added_tokens: pieces.flatMap((content, id) => {
      const isSpecial = types[id] === pieceTypes.control || types[id] === pieceTypes.unknown;
      return isSpecial || types[id] === pieceTypes.userDefined ? [{ id, content, special: isSpecial }] : [];
    }),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(addSpacePrefix ? [{ type: 'Prepend', prepend: metaspace }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: metaspace },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        ...(addBos && bosId !== undefined ? [special(bosId)] : []),
        { Sequence: { id: 'A' } },
        ...(addEos ? eosIds.slice(0, 1).map(special) : []),
      ],
      special_tokens: Object.fromEntries(around.map((id) => [pieces[id], { ids: [id] }])),
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: metaspace }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(addSpacePrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      vocab: vocabOf(pieces),
      merges,
      unk_token: unkId === undefined ? null : pieces[unkId],
      fuse_unk: true,
      byte_fallback: true,
    },
  };
  const config = { bos_token: bosId === undefined ? null : pieces[bosId], eos_token_id: [...eosIds] };
  return buildTokenizer(json, config, ranks);
}

/** piece → id, without a prototype: `__proto__` is a piece like any other. The first of equal pieces counts. */
export function vocabOf(pieces: readonly string[]): Record<string, number> {
  const vocab: Record<string, number> = Object.create(null);
  for (let id = pieces.length - 1; id >= 0; id--) vocab[pieces[id]] = id;
  return vocab;
}

/** Every way to cut a normal piece into two others, best score first; equal scores share a rank. */
function mergesByScore(pieces: readonly string[], scores: ArrayLike<number>, types: readonly number[]) {
  const mergeable = new Set<string>();
  const isMergeable = (id: number): boolean =>
    types[id] === pieceTypes.normal ||
    types[id] === pieceTypes.userDefined ||
    types[id] === pieceTypes.unused;
  pieces.forEach((piece, id) => {
    if (isMergeable(id)) mergeable.add(piece);
  });
  const found: { pair: [string, string]; score: number }[] = [];
  pieces.forEach((piece, id) => {
    const characters = isMergeable(id) ? Array.from(piece) : [];
    if (characters.length > longestMerged)
      throw badScores(`the piece of id ${id} has ${characters.length} characters`);
    let left = '';
    for (const character of characters.slice(0, -1)) {
      left += character;
      const right = piece.slice(left.length);
      if (mergeable.has(left) && mergeable.has(right)) found.push({ pair: [left, right], score: scores[id] });
    }
    if (found.length > limits.merges)
      throw badScores(`its pieces can be cut in more than ${limits.merges} ways`);
  });
  found.sort((a, b) => b.score - a.score);
  const ranks = new Int32Array(found.length);
  for (let i = 1; i < found.length; i++) ranks[i] = found[i].score === found[i - 1].score ? ranks[i - 1] : i;
  return { merges: found.map(({ pair }) => pair), ranks };
}

function guessType(piece: string, id: number, options: ScoredVocabOptions): number {
  if (id === options.unkId) return pieceTypes.unknown;
  if (id === options.bosId || options.eosIds?.includes(id)) return pieceTypes.control;
  return /^<0x[0-9A-F]{2}>$/.test(piece) ? pieceTypes.byte : pieceTypes.normal;
}

function checkSizes(pieces: readonly string[], scores: ArrayLike<number>, options: ScoredVocabOptions): void {
  if (pieces.length > limits.vocab)
    throw badScores(`it has ${pieces.length} pieces; the limit is ${limits.vocab}`);
  if (scores.length !== pieces.length)
    throw badScores(`it has ${pieces.length} pieces but ${scores.length} scores`);
  if (options.types && options.types.length !== pieces.length) {
    throw badScores(`it has ${pieces.length} pieces but ${options.types.length} types`);
  }
  for (const id of [options.unkId, options.bosId, ...(options.eosIds ?? [])]) {
    if (id !== undefined && !(id in pieces)) throw badScores(`its special id ${id} is not the id of a piece`);
  }
  for (let id = 0; id < scores.length; id++) {
    if (!Number.isFinite(scores[id])) throw badScores(`the score of id ${id} is ${scores[id]}`);
  }
}

function badScores(what: string): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `The SentencePiece vocabulary is not usable: ${what}.`,
    'Convert the model again, or use the file its publisher offers.',
  );
}
