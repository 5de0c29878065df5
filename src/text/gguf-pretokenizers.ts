/**
 * What the names in GGUF's `tokenizer.ggml.pre` stand for: the normalizer and pre-tokenizer of the
 * tokenizer.json the file was converted from. Names as llama.cpp's converter writes them.
 */
import { QuickstepError } from '../errors.ts';
import type { Step } from './schema.ts';

/** The parts of tokenizer.json that a GGUF file only names. */
export interface PreTokenizerPreset {
  readonly normalizer: Step | null;
  readonly preTokenizer: Step;
  /** A word that is in the vocabulary is one token. */
  readonly ignoreMerges: boolean;
  /** BOS is put first unless the file says otherwise. */
  readonly addBos: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const symbolsAndSpaces = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const wordsOf = (digits: string): string =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}|${symbolsAndSpaces}`;
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const beforeWord = '[^\\r\\n\\p{L}\\p{N}]?';
const tekkenWords =
  `${beforeWord}${upper}*${lower}+|${beforeWord}${upper}+${lower}*|\\p{N}|` +
  ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

const byteLevel = (useRegex: boolean): Step => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  use_regex: useRegex,
});
const sequence = (...pretokenizers: Step[]): Step => ({ type: 'Sequence', pretokenizers });
const splitWords = (pattern: string): Step =>
  sequence({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated' }, byteLevel(false));

const gpt2: PreTokenizerPreset = {
  normalizer: null,
  preTokenizer: byteLevel(true),
  ignoreMerges: false,
  addBos: false,
};
const singleDigits: PreTokenizerPreset = {
  ...gpt2,
  preTokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
};
const llama3: PreTokenizerPreset = {
  normalizer: null,
  preTokenizer: splitWords(wordsOf('\\p{N}{1,3}')),
  ignoreMerges: true,
  addBos: true,
};
const qwen2: PreTokenizerPreset = {
  normalizer: { type: 'NFC' },
  preTokenizer: splitWords(wordsOf('\\p{N}')),
  ignoreMerges: false,
  addBos: false,
};
/** LLaDA-MoE's, which it has from the Ling models: as Qwen2's, but a run of line breaks is cut after each. */
const bailing: PreTokenizerPreset = {
  normalizer: null,
  preTokenizer: splitWords(
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
      '\\s*[\\r\\n]|\\s+(?!\\S)|\\s+',
  ),
  ignoreMerges: false,
  addBos: false,
};
const tekken: PreTokenizerPreset = {
  normalizer: null,
  preTokenizer: splitWords(tekkenWords),
  ignoreMerges: true,
  addBos: true,
};

/** Presets by name. `default` is what files from before the key existed carry; they are mostly GPT-2's kind. */
export const preTokenizerPresets: ReadonlyMap<string, PreTokenizerPreset> = new Map([
  ['default', gpt2],
  ['gpt-2', gpt2],
  ['mpt', gpt2],
  ['olmo', gpt2],
  ['smollm', singleDigits],
  ['starcoder', singleDigits],
  ['refact', singleDigits],
  ['command-r', singleDigits],
  ['codeshell', singleDigits],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['falcon3', llama3],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  ['tekken', tekken],
  ['bailingmoe', bailing],
  ['bailingmoe2', bailing],
  ['llada-moe', bailing],
]);

/** @throws QuickstepError `unsupported` for a name nobody knows. */
export function presetOf(name: string): PreTokenizerPreset {
  const preset = preTokenizerPresets.get(name);
  if (preset) return preset;
  throw new QuickstepError(
    'unsupported',
    `The GGUF pre-tokenizer "${name.slice(0, 80)}" is not supported.`,
    `Supported are ${[...preTokenizerPresets.keys()].join(', ')}; the model's tokenizer.json works as well.`,
  );
}
