/**
 * The text side of a checkpoint: its tokenizer and its chat template, whatever files they came in.
 */
import { z } from 'zod';
import type { TokenizerData } from '../weights/checkpoint.ts';
import { ggufTokenizerFiles, ggufValue, tokenizerFromGguf } from './gguf.ts';
import { tokenizerFromJson } from './json.ts';
import { parsePart } from './schema.ts';
import type { Tokenizer } from './tokenizer.ts';
import { vocabularyTokenizer } from './vocabulary-files.ts';

const templateSchema = z
  .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() })).max(64)])
  .nullish();

export interface CheckpointText {
  readonly tokenizer: Tokenizer;
  /** Jinja text for createChatTemplate; undefined for base models. */
  readonly chatTemplate: string | undefined;
}

/**
 * Tokenizer and chat template of a checkpoint. Of several named templates the one called `default` counts.
 * The `eos_token_id` of `generationConfig` (generation_config.json) adds to the tokenizer's EOS set.
 * @throws QuickstepError `bad-file` or `unsupported`, as tokenizerFromJson and tokenizerFromGguf.
 */
export function tokenizerOf(
  data: TokenizerData,
  generationConfig: Readonly<Record<string, unknown>> = {},
): CheckpointText {
  if (data.format === 'gguf') {
    const template = ggufValue(data.metadata, 'tokenizer.chat_template');
    return { tokenizer: tokenizerFromGguf(data.metadata), chatTemplate: readTemplate(template) };
  }
  return {
    tokenizer: tokenizerFromJson(jsonOf(data), {
      eos_token_id: generationConfig.eos_token_id,
      ...data.config,
    }),
    chatTemplate: readTemplate(data.config.chat_template),
  };
}

/** Contents of tokenizer.json and tokenizer_config.json. */
export interface TokenizerFiles {
  readonly tokenizer: unknown;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * The tokenizer files of a checkpoint, whatever it came in.
 * @throws QuickstepError `unsupported` for a GGUF file with a SentencePiece tokenizer, which has none.
 */
export function tokenizerFilesOf(data: TokenizerData): TokenizerFiles {
  if (data.format !== 'gguf') return { tokenizer: jsonOf(data), config: data.config };
  const { tokenizer, config } = ggufTokenizerFiles(data.metadata);
  const template = readTemplate(ggufValue(data.metadata, 'tokenizer.chat_template'));
  return { tokenizer, config: { ...config, chat_template: template } };
}

/** Contents of tokenizer.json, made from older files where there is none. */
function jsonOf(data: Exclude<TokenizerData, { format: 'gguf' }>): unknown {
  return data.format === 'json' ? data.tokenizer : vocabularyTokenizer(data);
}

function readTemplate(value: unknown): string | undefined {
  const template = parsePart(templateSchema, value, 'The chat template');
  if (Array.isArray(template)) return template.find(({ name }) => name === 'default')?.template;
  return template ?? undefined;
}
