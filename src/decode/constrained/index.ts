/** Constrained decoding: languages of texts, and their states over a model's tokens. */
export { divergence, everyAnswer, type LegalAnswer, legalAnswers } from './every-answer.ts';
export { gbnfLanguage } from './gbnf/gbnf.ts';
export { alignedDecoding, type DrawnAnswer } from './grammar-aligned-decoding.ts';
export { type Growth, growingStrings } from './growing-strings.ts';
export { jsonSchemaLanguage } from './json-schema/compile.ts';
export type { ByteState, Language } from './language.ts';
export type { ConstraintOptions } from './options.ts';
export { PrefixTrie, type TrieNode } from './prefix-trie.ts';
export { openTrie, saveTrie } from './prefix-trie-file.ts';
export { regexLanguage } from './regex/regex.ts';
export { stringSet } from './string-set.ts';
export { allows, type Mask, TokenConstraint, type TokenState } from './token-constraint.ts';
export { Vocabulary } from './vocabulary.ts';
