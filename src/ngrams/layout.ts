/**
 * How an n-gram store lies on disk, all numbers little-endian:
 *   header            128 bytes, see below
 *   tokens            the texts one after the other, each followed by `vocabSize`, which stands for the end of a text;
 *                     2 or 4 bytes each
 *   suffixes          uint32 positions of all tokens, sorted by the `order` tokens from there on: a suffix array
 *   digests           of each page of tokens and suffixes, 16 bytes each
 * The texts that begin with some n-gram are one stretch of the suffixes, so that any count up to `order` tokens is two
 * binary searches, and nothing is counted ahead of time or left out.
 */

import { createHash } from 'node:crypto';
import { QuickstepError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

const magic = 'QSNGRAMS';
const version = 1;
export const headerBytes = 128;
/** Read, checked and forgotten as a whole. */
export const pageBytes = 1 << 16;
export const digestBytes = 16;

/** What a store says of itself. */
export interface NgramFacts {
  /** Tokens of all texts, their ends included. */
  readonly tokens: number;
  /** Longest n-gram that can be counted. */
  readonly order: number;
  readonly vocabSize: number;
  /** Hex digest of the tokenizer that made the ids. */
  readonly tokenizer: string;
}

/** Limits of `NgramFacts`, checked before anything is allocated. */
export const mostTokens = 100_000_000;
export const mostOrder = 16;
const mostVocabulary = 1 << 24;

export const tokenBytes = ({ vocabSize }: NgramFacts): 2 | 4 => (vocabSize < 1 << 16 ? 2 : 4);

/** Where the parts of a file lie, in bytes. */
export function partsOf(facts: NgramFacts) {
  const text = facts.tokens * tokenBytes(facts);
  const suffixes = headerBytes + text + (text % 4);
  const digests = suffixes + 4 * facts.tokens;
  const pages = Math.ceil((digests - headerBytes) / pageBytes);
  return { tokens: headerBytes, suffixes, digests, pages, end: digests + pages * digestBytes };
}

export const digestOf = (bytes: Uint8Array): Uint8Array =>
  createHash('sha256').update(bytes).digest().subarray(0, digestBytes);

export const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Hex digest of all that decides what a token id means. */
export function tokenizerDigest(tokenizer: Tokenizer): string {
  const hash = createHash('sha256');
  for (let id = 0; id < tokenizer.vocabSize; id++)
    hash.update(`${tokenizer.specialIds.has(id) ? 'special' : 'plain'} ${tokenizer.piece(id)}\n`);
  return hash.digest('hex');
}

/** @param digests of all pages */
export function writeHeader(
  { tokens, order, vocabSize, tokenizer }: NgramFacts,
  digests: Uint8Array,
): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, 'latin1');
  for (const [i, value] of [version, tokens, order, vocabSize, pageBytes].entries())
    header.writeUInt32LE(value, 8 + 4 * i);
  header.write(tokenizer, 32, 'hex');
  header.set(digestOf(digests), 64);
  header.set(digestOf(header.subarray(0, 112)), 112);
  return header;
}

export function damaged(path: string, problem: string): QuickstepError {
  const hint = 'Build it again: quickstep ngrams build.';
  return new QuickstepError('bad-file', `${path} is no n-gram store: ${problem}.`, hint);
}

/**
 * The facts of a header, and the digest that the digests of all pages must have.
 * @throws QuickstepError 'bad-file' naming what is wrong.
 */
export function readHeader(header: Buffer, path: string): { facts: NgramFacts; digest: Uint8Array } {
  if (header.length < headerBytes || header.toString('latin1', 0, 8) !== magic)
    throw damaged(path, 'it does not begin like one');
  const [found, tokens, order, vocabSize, page] = [0, 1, 2, 3, 4].map((i) => header.readUInt32LE(8 + 4 * i));
  if (found !== version) throw damaged(path, `its version is ${found}, this program reads ${version}`);
  if (!equal(digestOf(header.subarray(0, 112)), header.subarray(112, 128)))
    throw damaged(path, 'its header is damaged');
  const sound = tokens <= mostTokens && order >= 1 && order <= mostOrder && vocabSize <= mostVocabulary;
  if (!sound || page !== pageBytes) throw damaged(path, 'its header has numbers that no store has');
  const facts = { tokens, order, vocabSize, tokenizer: header.toString('hex', 32, 64) };
  return { facts, digest: header.subarray(64, 64 + digestBytes) };
}
