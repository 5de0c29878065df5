/** Building an n-gram store from texts. */

import type { FileHandle } from 'node:fs/promises';
import { QuickstepError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { replaceFile } from '../weights/replace-file.ts';
import {
  digestBytes,
  digestOf,
  headerBytes,
  mostOrder,
  mostTokens,
  type NgramFacts,
  pageBytes,
  partsOf,
  tokenBytes,
  tokenizerDigest,
  writeHeader,
} from './layout.ts';

/**
 * Positions sorted by the `order` tokens from each on: a least-significant-digit radix sort with a token as digit, linear
 * in texts and vocabulary. What is behind the last token counts as the end of a text.
 */
export function sortSuffixes(tokens: Uint32Array, vocabSize: number, order: number): Uint32Array {
  let sorted = Uint32Array.from(tokens.keys());
  let spare = new Uint32Array(tokens.length);
  const starts = new Uint32Array(vocabSize + 2);
  for (let place = order - 1; place >= 0; place--) {
    const digit = (position: number) => tokens[position + place] ?? vocabSize;
    starts.fill(0);
    for (let position = 0; position < tokens.length; position++) starts[digit(position) + 1]++;
    for (let token = 1; token < starts.length; token++) starts[token] += starts[token - 1];
    for (const position of sorted) spare[starts[digit(position)]++] = position;
    [sorted, spare] = [spare, sorted];
  }
  return sorted;
}

/** Tokens of texts, each followed by `vocabSize`. */
class Texts {
  #tokens = new Uint32Array(1 << 16);
  #length = 0;

  add(ids: readonly number[], end: number): void {
    const needed = this.#length + ids.length + 1;
    if (needed > mostTokens) {
      const what = `The texts have more than ${mostTokens.toLocaleString('en')} tokens.`;
      throw new QuickstepError('bad-input', what, 'Build the store from a part of them.');
    }
    if (needed > this.#tokens.length) {
      const larger = new Uint32Array(Math.min(mostTokens, 2 * needed));
      larger.set(this.#tokens.subarray(0, this.#length));
      this.#tokens = larger;
    }
    this.#tokens.set(ids, this.#length);
    this.#tokens[needed - 1] = end;
    this.#length = needed;
  }

  get all(): Uint32Array {
    return this.#tokens.subarray(0, this.#length);
  }
}

/** Tokens and suffixes as they lie in the file, between header and digests. */
function bodyOf(facts: NgramFacts, tokens: Uint32Array, suffixes: Uint32Array): Uint8Array {
  const { suffixes: start, digests: end } = partsOf(facts);
  const body = new Uint8Array(end - headerBytes);
  const ids = tokenBytes(facts) === 2 ? Uint16Array.from(tokens) : tokens;
  body.set(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
  body.set(new Uint8Array(suffixes.buffer, suffixes.byteOffset, suffixes.byteLength), start - headerBytes);
  return body;
}

async function writeAll(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts)
    for (let done = 0; done < part.length; ) done += (await handle.write(part, done)).bytesWritten;
  await handle.sync();
}

/**
 * Writes the store of some texts. The file appears when it is whole.
 * @param order longest n-gram that can be counted, from 1 to 16
 * @throws QuickstepError 'bad-input' for texts that are too long altogether, 'bad-option' for an order out of range,
 * 'no-space' when the disk is full; the signal's reason when aborted.
 */
export async function buildNgrams(
  path: string,
  tokenizer: Tokenizer,
  texts: AsyncIterable<string> | Iterable<string>,
  { order, signal }: { order: number; signal?: AbortSignal },
): Promise<NgramFacts> {
  if (!Number.isInteger(order) || order < 1 || order > mostOrder)
    throw new QuickstepError(
      'bad-option',
      `Option "order": ${order}.`,
      `It takes a number from 1 to ${mostOrder}.`,
    );
  const { vocabSize } = tokenizer;
  const collected = new Texts();
  for await (const text of texts) {
    signal?.throwIfAborted();
    collected.add(tokenizer.encode(text, { addSpecialTokens: false, parseSpecial: false }), vocabSize);
  }
  const tokens = collected.all;
  const facts = { tokens: tokens.length, order, vocabSize, tokenizer: tokenizerDigest(tokenizer) };
  const body = bodyOf(facts, tokens, sortSuffixes(tokens, vocabSize, order));
  const { pages } = partsOf(facts);
  const digests = new Uint8Array(pages * digestBytes);
  for (let page = 0; page < pages; page++)
    digests.set(digestOf(body.subarray(page * pageBytes, (page + 1) * pageBytes)), page * digestBytes);
  await replaceFile(path, (handle) => writeAll(handle, [writeHeader(facts, digests), body, digests]));
  return facts;
}
