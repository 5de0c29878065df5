/**
 * Tokenizers of the house models, as the files of Hugging Face `tokenizers`: byte-level. A word the tasks use often is
 * one token (`ignore_merges`), everything else is bytes, so that any text can be encoded. The one that all but
 * house-graph share has no merges; its digits are always single, and a space before a number belongs to what stands
 * before it ("has ", ": ").
 */

import { fromByteAlphabet } from '../text/bytes.ts';
import { createPreTokenizer } from '../text/pretokenize.ts';
import { syllables } from './graph-questions.ts';
import { findTask } from './registry.ts';
import { problems } from './sampler.ts';

/** Special tokens; their ids are their places here. */
export const specialTokens = { eos: '<|eos|>', mask: '<|mask|>', answer: '<|answer|>' } as const;

/** What a tokenizer is made for. */
interface TokenizerPlan {
  readonly tasks: readonly string[];
  /** Regular expressions of what a text is cut into. */
  readonly words: readonly string[];
  /** Rarer words stay bytes, or what merges make of them. */
  readonly leastCount: number;
  /** Pairs of letters that are one token wherever they stand. */
  readonly merges: readonly string[];
}

const housePlan: TokenizerPlan = {
  tasks: ['word-problems', 'countdown', 'sudoku', 'json', 'sorting'],
  // The end of an equation chain, a digit, a word, a dot (a blank of a Sudoku), other marks, white space.
  words: [
    '\\n#### ',
    '[0-9]',
    ' ?\\p{L}+(?: (?=[0-9]))?',
    '\\.',
    '[^\\s\\p{L}\\p{N}.]+(?: (?=[0-9]))?',
    '\\s',
  ],
  leastCount: 2,
  merges: [],
};

const graphPlan: TokenizerPlan = {
  tasks: ['graph-questions'],
  // The marks of a triple, a word, any other character.
  words: [' \\| ', '>\\n', ' ?\\p{L}+', '[^\\p{L}]'],
  // Far more often than any name occurs.
  leastCount: 500,
  merges: syllables.flatMap(([first, second]) => [`${first.toUpperCase()} ${second}`, `${first} ${second}`]),
};

const preTokenizerOf = ({ words }: TokenizerPlan) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: words.join('|') }, behavior: 'Isolated', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
  ],
});

const chatTemplate = [
  "{% for message in messages %}{{ message['content'] }}",
  "{% if message['role'] == 'user' %}<|answer|>",
  "{% elif message['role'] == 'assistant' %}<|eos|>",
  '{% else %}\n{% endif %}{% endfor %}',
].join('');

/** tokenizer.json with these entries after the special tokens. */
function tokenizerFile(plan: TokenizerPlan, pieces: readonly string[]) {
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
    pre_tokenizer: preTokenizerOf(plan),
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
      merges: plan.merges,
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
const vocabularySeed = 0;

/** Words of more than one byte in training problems of the tasks, most frequent first. */
function frequentWords(plan: TokenizerPlan): string[] {
  const cut = createPreTokenizer(preTokenizerOf(plan));
  const counts = new Map<string, number>();
  const count = (text: string) => {
    for (const word of cut(text, true)) if (word.length > 1) counts.set(word, (counts.get(word) ?? 0) + 1);
  };
  for (const task of plan.tasks.map(findTask)) {
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
    .filter(([, times]) => times >= plan.leastCount)
    .sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
    .map(([word]) => word);
}

/** Contents of tokenizer.json and tokenizer_config.json, made from the tasks; always the same. */
function filesOf(plan: TokenizerPlan) {
  const { eos, mask } = specialTokens;
  const merged = plan.merges.map((pair) => pair.replace(' ', ''));
  return {
    tokenizer: tokenizerFile(plan, [...bytePieces(), ...merged, ...frequentWords(plan)]),
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

/** The tokenizer of all house models but house-graph. */
export const houseTokenizerFiles = () => filesOf(housePlan);

/** The tokenizer of house-graph: names are cut into syllables. */
export const graphTokenizerFiles = () => filesOf(graphPlan);
