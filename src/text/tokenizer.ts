/**
 * The tokenizer interface and its one implementation, a pipeline: cut out added tokens, normalize, cut into
 * words, encode each word, add special tokens. Every supported file format is turned into this pipeline, so
 * that ids are those of Hugging Face `tokenizers` whatever the file was.
 */
import { QuickstepError } from '../errors.ts';
import type { AddedTokenSplitter } from './added.ts';
import type { BytePairEncoder } from './bpe.ts';
import { utf8, wellFormed } from './bytes.ts';
import type { TokenDecoder } from './decoder.ts';
import { StreamDetokenizer } from './detokenize.ts';
import type { Normalizer } from './normalize.ts';
import type { PreTokenizer } from './pretokenize.ts';

export interface EncodeOptions {
  /** Put BOS and the like where the tokenizer says; default true. */
  readonly addSpecialTokens?: boolean;
  /** Read `<|im_end|>` and the like in the text as special tokens; default true. Say false for text of users. */
  readonly parseSpecial?: boolean;
}

export interface DecodeOptions {
  /** Leave special tokens out of the text; default true. */
  readonly skipSpecialTokens?: boolean;
  /** The text goes on after other text (a prompt), so a leading space is kept; default false. */
  readonly continues?: boolean;
}

export interface Tokenizer {
  /** One more than the largest id; a model's output may be wider. */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  /** Ids that end a turn or a text, without duplicates. */
  readonly eosIds: readonly number[];
  readonly specialIds: ReadonlySet<number>;
  /** Decoding drops one space at the start of a text (SentencePiece); absent means false. */
  readonly dropsLeadingSpace?: boolean;
  /** Ids of `text`; lone surrogates count as U+FFFD. Time is linear in the text but for very long words. */
  encode(text: string, options?: EncodeOptions): number[];
  /** Text of `ids`; bytes that are no UTF-8 become U+FFFD as in TextDecoder. Throws `bad-input` as `piece`. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /**
   * Raw bytes a token stands for (for an added token its UTF-8 text); none for ids nobody named. The array
   * is shared: do not write to it. Throws `bad-input` as `piece`.
   */
  bytes(id: number): Uint8Array;
  /** Vocabulary entry as written; '' for ids nobody named. Throws `bad-input` for a negative or fractional id. */
  piece(id: number): string;
}

/** What a file format has to provide. */
export interface Pipeline {
  /** id → vocabulary entry; holes are allowed. */
  readonly pieces: readonly (string | undefined)[];
  readonly addedIds: ReadonlySet<number>;
  readonly specialIds: ReadonlySet<number>;
  /** Added tokens found in the text as written, then those found after normalization. */
  readonly rawSplitter: AddedTokenSplitter;
  readonly normalizedSplitter: AddedTokenSplitter;
  readonly normalize: Normalizer;
  readonly preTokenize: PreTokenizer;
  readonly encoder: BytePairEncoder;
  readonly decoder: TokenDecoder;
  /** Ids put before and after each text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  readonly bosId: number | undefined;
  readonly eosIds: readonly number[];
}

const noBytes = new Uint8Array(0);

/** The tokenizer that runs a pipeline. */
export class PipelineTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosIds: readonly number[];
  readonly specialIds: ReadonlySet<number>;
  readonly dropsLeadingSpace: boolean;
  readonly #pipeline: Pipeline;
  readonly #bytes: (Uint8Array | undefined)[] = [];

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
    this.vocabSize = pipeline.pieces.length;
    this.bosId = pipeline.bosId;
    this.eosIds = pipeline.eosIds;
    this.specialIds = pipeline.specialIds;
    this.dropsLeadingSpace = pipeline.decoder.dropsLeadingSpace;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const { addSpecialTokens = true, parseSpecial = true } = options;
    const { rawSplitter, prefix, suffix } = this.#pipeline;
    const ids: number[] = addSpecialTokens ? [...prefix] : [];
    let first = true;
    for (const part of rawSplitter.split(wellFormed(text), parseSpecial)) {
      if (typeof part === 'number') ids.push(part);
      else this.#encodePart(part, first, parseSpecial, ids);
      first = false;
    }
    if (addSpecialTokens) ids.push(...suffix);
    return ids;
  }

  #encodePart(text: string, startsInput: boolean, parseSpecial: boolean, ids: number[]): void {
    const { normalizedSplitter, normalize, preTokenize, encoder } = this.#pipeline;
    let first = startsInput;
    for (const part of normalizedSplitter.split(normalize(text), parseSpecial)) {
      if (typeof part === 'number') ids.push(part);
      else for (const word of preTokenize(part, first)) encoder.encode(word, ids);
      first = false;
    }
  }

  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const stream = new StreamDetokenizer(this, options);
    let text = '';
    for (const id of ids) text += stream.push(id);
    return text + stream.flush();
  }

  bytes(id: number): Uint8Array {
    const known = this.#bytes[id];
    if (known) return known;
    const piece = this.piece(id);
    if (!piece) return noBytes;
    const { addedIds, decoder } = this.#pipeline;
    const bytes = addedIds.has(id) ? utf8(piece) : decoder.bytesOf(piece);
    this.#bytes[id] = bytes;
    return bytes;
  }

  piece(id: number): string {
    if (!Number.isInteger(id) || id < 0) {
      throw new QuickstepError('bad-input', `${id} is not a token id.`, 'Token ids are integers from 0.');
    }
    return this.#pipeline.pieces[id] ?? '';
  }
}
