/**
 * The checked-in stories260k as tests of decoding want it: any precision, any context length. Test support; not
 * part of the package.
 */

import { fileURLToPath } from 'node:url';
import type { LanguageModel } from '../../models/language-model.ts';
import type { Precision } from '../../models/linear.ts';
import { loadCheckpoint } from '../../models/load-checkpoint.ts';
import { openCheckpoint, type TokenizerData } from '../../weights/checkpoint.ts';
import { findFolder } from '../../weights/source-local.ts';

const path = fileURLToPath(new URL('../../../models/stories260k', import.meta.url));

export interface StoriesOptions {
  /** Longest prompt and answer, in tokens. */
  contextLength?: number;
  /** End tokens beside the model's own. */
  eosIds?: readonly number[];
  /** A chat template; the checkpoint has none. */
  chatTemplate?: string;
  /** Say that it is a masked-diffusion model, with the unknown token as mask: nonsense, but of the right form. */
  masked?: boolean;
}

/** The model; dispose it. */
export async function loadStories(
  precision: Precision,
  { contextLength = 512, eosIds, chatTemplate, masked = false }: StoriesOptions = {},
): Promise<LanguageModel> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { format, generationConfig, tensors, tokenizer } = checkpoint;
    const ends = eosIds && { eos_token_id: eosIds };
    const masking = masked && { is_causal: false, mask_token_id: 0 };
    return await loadCheckpoint(
      {
        path,
        format,
        generationConfig: { ...generationConfig, ...ends },
        tensors,
        tokenizer: withTemplate(tokenizer, chatTemplate),
        config: { ...checkpoint.config, ...masking, max_position_embeddings: contextLength },
        read: (name) => checkpoint.read(name),
        close: () => checkpoint.close(),
      },
      { precision, id: 'stories260k', threads: 1, findFolder },
    );
  } finally {
    await checkpoint.close();
  }
}

function withTemplate(tokenizer: TokenizerData | undefined, template?: string): TokenizerData | undefined {
  if (tokenizer?.format !== 'json' || template === undefined) return tokenizer;
  return { ...tokenizer, config: { ...tokenizer.config, chat_template: template } };
}

/** Text that a story goes on with, and text that repeats itself, so that drafts are right and wrong. */
export const prompts = [
  'Once upon a time',
  'Lily had a red ball. Lily had a red ball. Lily had a red',
  'Tom said, "I like the big dog." Mom said, "I like the',
  '',
] as const;
