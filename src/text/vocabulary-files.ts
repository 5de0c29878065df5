/**
 * Byte-level BPE tokenizers of repositories without a tokenizer.json: vocab.json and merges.txt hold the model, and
 * which rules go with it only the tokenizer's class name says. Dream is published so; its class is Qwen2's with other
 * special tokens.
 */
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import type { TokenizerData } from '../weights/checkpoint.ts';
import { presetOf } from './gguf-pretokenizers.ts';
import { limits, parsePart } from './schema.ts';

const presets = new Map([
  ['DreamTokenizer', 'qwen2'],
  ['Qwen2Tokenizer', 'qwen2'],
  ['Qwen2TokenizerFast', 'qwen2'],
]);

const configSchema = z.looseObject({
  tokenizer_class: z.string().default('unknown'),
  added_tokens_decoder: z
    .record(z.string().regex(/^\d{1,7}$/), z.looseObject({ content: z.string() }))
    .default({}),
});

/**
 * The contents of tokenizer.json that the files amount to; fields of added tokens are checked where it is read.
 * @throws QuickstepError `bad-file` for broken files, `unsupported` for a class whose rules are not known.
 */
export function vocabularyTokenizer(data: Extract<TokenizerData, { format: 'vocabulary' }>): unknown {
  const config = parsePart(configSchema, data.config, 'tokenizer_config.json');
  const name = presets.get(config.tokenizer_class);
  if (name === undefined) {
    throw new QuickstepError(
      'unsupported',
      `vocab.json of a tokenizer_class "${config.tokenizer_class.slice(0, 80)}" cannot be read without tokenizer.json.`,
      `Known classes: ${[...presets.keys()].join(', ')}.`,
    );
  }
  const preset = presetOf(name);
  const lines = data.merges.split(/\r?\n/, limits.merges + 2);
  return {
    added_tokens: Object.entries(config.added_tokens_decoder).map(([id, token]) => ({
      ...token,
      id: Number(id),
    })),
    normalizer: preset.normalizer,
    pre_tokenizer: preset.preTokenizer,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: data.vocabulary,
      // The first line may be "#version: 0.2".
      merges: lines.filter((line, index) => line !== '' && !(index === 0 && line.startsWith('#version'))),
      ignore_merges: preset.ignoreMerges,
    },
  };
}
