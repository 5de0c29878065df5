/** From an open checkpoint to a loaded model, wherever the checkpoint is. */

import { QuickstepError } from '../errors.ts';
import { Program, type ProgramOptions } from '../graph/index.ts';
import { type ChatTemplate, createChatTemplate } from '../text/chat.ts';
import { tokenizerOf } from '../text/load.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import type { FindFolder } from '../weights/folder.ts';
import { parseLlamaConfig } from './config.ts';
import { attentionCapabilities, LanguageModel } from './language-model.ts';
import type { Precision } from './linear.ts';
import { buildLlama, type LlamaOptions } from './llama.ts';

export interface CheckpointOptions
  extends ProgramOptions,
    Pick<LlamaOptions, 'hidden' | 'attention' | 'final' | 'exact' | 'onProgress'> {
  /** Format the weights are computed in. Default 'w8a8'. */
  precision?: Precision;
  signal?: AbortSignal;
  /** Name for people; default: the checkpoint's path. */
  id?: string;
  /** Finds what methods need beside the model. */
  findFolder?: FindFolder;
}

/** A checkpoint's chat template with its tokenizer's special tokens. */
export function chatTemplateOf(text: string | undefined, tokenizer: Tokenizer): ChatTemplate | undefined {
  if (text === undefined) return undefined;
  const piece = (id: number | undefined) => (id === undefined ? undefined : tokenizer.piece(id));
  return createChatTemplate(text, { bos: piece(tokenizer.bosId), eos: piece(tokenizer.eosIds[0]) });
}

/** What ends a turn in the chat templates of models whose tokenizer files name the end of a text only. */
const turnEnds = new Map([
  ['llada', '<|eot_id|>'],
  ['llada-moe', '<|role_end|>'],
  ['Dream', '<|im_end|>'],
]);

/** Tokens that end an answer: those the tokenizer files name, and the end of a turn where the vocabulary has one. */
export function endIdsOf(modelType: string, tokenizer: Tokenizer): readonly number[] {
  const turnEnd = turnEnds.get(modelType);
  const [id, ...more] = turnEnd ? tokenizer.encode(turnEnd, { addSpecialTokens: false }) : [];
  const known = id !== undefined && more.length === 0 && tokenizer.specialIds.has(id);
  return known ? [...new Set([...tokenizer.eosIds, id])] : tokenizer.eosIds;
}

/** Loads an open checkpoint; the caller closes it. */
export async function loadCheckpoint(
  checkpoint: Checkpoint,
  options: CheckpointOptions = {},
): Promise<LanguageModel> {
  const { precision = 'w8a8', signal, hidden, attention, final, exact, onProgress } = options;
  const config = parseLlamaConfig(checkpoint.config);
  if (!checkpoint.tokenizer) {
    const hint = 'Put tokenizer.json beside the weights.';
    throw new QuickstepError('bad-file', `"${checkpoint.path}" has no tokenizer.`, hint);
  }
  const { tokenizer, chatTemplate } = tokenizerOf(checkpoint.tokenizer, checkpoint.generationConfig);
  const source = {
    read: (name: string) => {
      signal?.throwIfAborted();
      return checkpoint.read(name);
    },
  };
  const graph = await buildLlama(config, source, {
    precision,
    hidden,
    attention,
    final,
    exact,
    onProgress,
  });
  const program = await Program.load(graph, options);
  const has = new Set(attentionCapabilities(config));
  if (attention?.length) has.add('attention-probabilities');
  return new LanguageModel({
    id: options.id ?? checkpoint.path,
    path: checkpoint.path,
    config,
    program,
    precision,
    tokenizer,
    chatTemplate: chatTemplateOf(chatTemplate, tokenizer),
    eosIds: endIdsOf(config.modelType, tokenizer),
    capabilities: has,
    findFolder: options.findFolder,
  });
}
