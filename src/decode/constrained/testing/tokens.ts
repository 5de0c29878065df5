/** Vocabularies that are only a list of tokens. Test support. */

import { utf8 } from '../../../text/bytes.ts';
import type { Tokenizer } from '../../../text/tokenizer.ts';
import { Vocabulary } from '../vocabulary.ts';

/** The tokens in their order; the one behind the last ends an answer. */
export function vocabularyOf(tokens: readonly (string | Uint8Array)[]): Vocabulary {
  const bytes = [
    ...tokens.map((token) => (typeof token === 'string' ? utf8(token) : token)),
    new Uint8Array(0),
  ];
  const tokenizer = {
    vocabSize: bytes.length,
    specialIds: new Set<number>(),
    bytes: (id: number) => bytes[id],
  };
  return new Vocabulary(tokenizer as unknown as Tokenizer, [tokens.length]);
}
