/**
 * The tokenizer of the house models, as the files of Hugging Face `tokenizers`: byte-level, without merges. A word
 * the tasks use often is one token (`ignore_merges`), everything else is bytes, so that any text can be encoded.
 * Digits are always single. A space before a number belongs to what stands before it ("has ", ": ").
 */

import { fromByteAlphabet } from '../text/bytes.ts';
import { createPreTokenizer } from '../text/pretokenize.ts';
import { tasks } from './registry.ts';
import { problems } from './sampler.ts';

/** Special tokens; their ids are their places here. */
export const specialTokens = { eos: '<|eos|>', mask: '<|mask|>', answer: '<|answer|>' } as const;

/** The end of an equation chain, a digit, a word, a dot (a blank of a Sudoku), other marks, white space. */
const words = [
  '\\n#### ',
  '[0-9]',
  ' ?\\p{L}+(?: (?=[0-9]))?',
  '\\.',
  '[^\\s\\p{L}\\p{N}.]+(?: (?=[0-9]))?',
  '\\s',
].join('|');

const preTokenizer = {
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: words }, behavior: 'Isolated', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
  ],
};

const chatTemplate = [
  "{% for message in messages %}{{ message['content'] }}",
  "{% if message['role'] == 'user' %}<|answer|>",
  "{% elif message['role'] == 'assistant' %}<|eos|>",
  '{% else %}\n{% endif %}{% endfor %}',
].join('');

/** tokenizer.json with these entries after the special tokens. */
function tokenizerFile(pieces: readonly string[]) {
  const special = Object.values(specialTokens);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: true,
      vocab: Object.fromEntries([...special, ...pieces].map((piece, id) => [piece, id])),
      merges: [],
    },
  };
}

/** One piece for each byte, in byte order. */
function bytePieces(): string[] {
  const pieces: string[] = [];
  for (let unit = 0; unit < 0x200; unit++) {
    const bytes = fromByteAlphabet(String.fromCharCode(unit));
    if (bytes) pieces[bytes[0]] = String.fromCharCode(unit);
  }
  return pieces;
}

const sampledPerLevel = 4000;
/** Rarer words stay bytes. */
const leastCount = 2;
const vocabularySeed = 0;

/** Words of more than one byte in training problems of all tasks, most frequent first. */
function frequentWords(): string[] {
  const cut = createPreTokenizer(preTokenizer);
  const counts = new Map<string, number>();
  const count = (text: string) => {
    for (const word of cut(text, true)) if (word.length > 1) counts.set(word, (counts.get(word) ?? 0) + 1);
  };
  for (const task of tasks.values()) {
    for (const { level } of task.levels) {
      const source = problems(task, { split: 'train', seed: vocabularySeed, level });
      for (let index = 0; index < sampledPerLevel; index++) {
        const { prompt, answer } = source.at(index);
        count(prompt);
        count(answer);
      }
    }
  }
  return [...counts]
    .filter(([, times]) => times >= leastCount)
    .sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
    .map(([word]) => word);
}

/** Contents of tokenizer.json and tokenizer_config.json, made from the tasks; always the same. */
export function houseTokenizerFiles() {
  const { eos, mask } = specialTokens;
  return {
    tokenizer: tokenizerFile([...bytePieces(), ...frequentWords()]),
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      eos_token: eos,
      pad_token: eos,
      mask_token: mask,
      model_max_length: 1024,
      clean_up_tokenization_spaces: false,
      chat_template: chatTemplate,
    },
  };
}
