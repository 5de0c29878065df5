/** Counts of token n-grams in a folder of texts, on disk. */
export { buildNgrams } from './build.ts';
export { type NgramFacts, tokenizerDigest } from './layout.ts';
export { NgramStore, storeName } from './store.ts';
export { readTexts, type TextCounts } from './texts.ts';
