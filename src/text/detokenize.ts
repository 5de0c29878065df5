/**
 * Text from tokens as they arrive. A token may end in the middle of a character, so bytes of an incomplete
 * UTF-8 sequence are held back until they are whole or cannot become so (then U+FFFD, as WHATWG TextDecoder
 * does). Everything pushed, concatenated, equals decoding all ids at once. O(bytes of the token) each.
 */
import type { DecodeOptions, Tokenizer } from './tokenizer.ts';

const spaceByte = 0x20;

/** One stream of text; make a new one for each sequence. */
export class StreamDetokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecial: boolean;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  /** The next byte is the first of the text, and a space there is to be dropped. */
  #atStart: boolean;

  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    const { skipSpecialTokens = true, continues = false } = options;
    this.#tokenizer = tokenizer;
    this.#skipSpecial = skipSpecialTokens;
    this.#atStart = !continues && tokenizer.dropsLeadingSpace === true;
  }

  /** The characters that `id` completes; often '' for byte tokens. Throws `bad-input` for what is no id. */
  push(id: number): string {
    if (this.#skipSpecial && this.#tokenizer.specialIds.has(id)) return '';
    let bytes = this.#tokenizer.bytes(id);
    if (this.#atStart && bytes.length > 0) {
      this.#atStart = false;
      if (bytes[0] === spaceByte) bytes = bytes.subarray(1);
    }
    return this.#utf8.decode(bytes, { stream: true });
  }

  /** What is left at the end of the sequence: U+FFFD for a character that never became whole, or ''. */
  flush(): string {
    return this.#utf8.decode();
  }
}
