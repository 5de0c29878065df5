/** A checkpoint opened for training: its weights in float32, its tokens, and how to write it back. */

import { QuickstepError } from '../errors.ts';
import { Program, type ProgramOptions } from '../graph/session.ts';
import { float32 } from '../graph/types.ts';
import { type LlamaConfig, parseLlamaConfig } from '../models/config.ts';
import { attentionCapabilities, LanguageModel } from '../models/language-model.ts';
import { buildLlama } from '../models/llama.ts';
import { llamaWeightShapes } from '../models/llama-training.ts';
import { chatTemplateOf, endIdsOf } from '../models/load-checkpoint.ts';
import type { EncodedProblem } from '../tasks/encode.ts';
import type { Problem } from '../tasks/task.ts';
import { type Tokenizer, tokenizerFilesOf, tokenizerOf } from '../text/index.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { type PullOptions, pull } from '../weights/pull.ts';
import { findFolder } from '../weights/source-local.ts';
import type { Parameter, Parameters } from './parameters.ts';
import { saveModel } from './save-model.ts';

export interface Trainable {
  config: LlamaConfig;
  tokenizer: Tokenizer;
  parameters: Map<string, Parameter>;
  /** Padding that no loss sees. */
  pad: number;
  /**
   * Tokens of a prompt (through the chat template), its answer and the end token.
   * @throws QuickstepError 'bad-input' when they are more than the context holds.
   */
  encode(example: Problem): EncodedProblem;
  /** A model of this architecture to decode with, in float32; the weights are copied. The caller disposes it. */
  decoder(parameters: Parameters, options?: ProgramOptions): Promise<LanguageModel>;
  /** Writes weights of this architecture as a checkpoint folder. */
  save(folder: string, parameters: Parameters): Promise<void>;
}

export interface OpenOptions extends PullOptions {
  /** Only the first so many layers; the model's own number without it. */
  layers?: number;
}

/**
 * Opens a model by id, alias or path; it is fetched on first use.
 * @throws As `load`; 'bad-option' for layers that the model does not have, 'bad-file' when a weight does not fit the config, 'unsupported' without tokenizer or end token.
 */
export async function openTrainable(
  id: string,
  { layers, ...options }: OpenOptions = {},
): Promise<Trainable> {
  const path = await pull(id, options);
  const checkpoint = await openCheckpoint(path);
  try {
    const own = parseLlamaConfig(checkpoint.config);
    if (layers !== undefined && !(Number.isInteger(layers) && layers >= 1 && layers <= own.layers))
      throw new QuickstepError('bad-option', `${id} has no first ${layers} layers.`, `It has ${own.layers}.`);
    const description =
      layers === undefined
        ? checkpoint.config
        : { ...(checkpoint.config as object), num_hidden_layers: layers };
    const config = parseLlamaConfig(description);
    const parameters = new Map<string, Parameter>();
    for (const [name, shape] of llamaWeightShapes(config)) {
      const weight = await checkpoint.read(name);
      const size = shape.reduce((a, b) => a * b, 1);
      if (weight.length !== size)
        throw new QuickstepError(
          'bad-file',
          `${name} has ${weight.length} elements, config.json makes it [${shape}].`,
          'Fetch the checkpoint again.',
        );
      parameters.set(name, float32(shape, weight));
    }
    const data = checkpoint.tokenizer;
    if (!data)
      throw new QuickstepError(
        'unsupported',
        `"${path}" has no tokenizer.`,
        'Put tokenizer.json beside the weights.',
      );
    const { tokenizer, chatTemplate } = tokenizerOf(data, checkpoint.generationConfig);
    const [eos] = tokenizer.eosIds;
    if (eos === undefined)
      throw new QuickstepError(
        'unsupported',
        `"${path}" names no end token.`,
        'Put eos_token into tokenizer_config.json.',
      );
    const template = chatTemplateOf(chatTemplate, tokenizer);
    // Batches of sequences have no sliding window; within its length there is no difference.
    const longest = Math.min(config.contextLength, config.slidingWindow ?? Infinity);
    return {
      config,
      tokenizer,
      parameters,
      pad: eos,
      encode: ({ prompt, answer }) => {
        const opening = template
          ? template.render([{ role: 'user', content: prompt }], { addGenerationPrompt: true })
          : prompt;
        const before = tokenizer.encode(opening, { addSpecialTokens: false });
        const after = tokenizer.encode(answer, { addSpecialTokens: false, parseSpecial: false });
        const tokens = Int32Array.from([...before, ...after, eos]);
        if (tokens.length > longest) {
          const what = `An example has ${tokens.length} tokens, ${id} takes ${longest}.`;
          throw new QuickstepError('bad-input', what, 'Shorten its prompt or its answer, or leave it out.');
        }
        return { tokens, answerStart: before.length };
      },
      decoder: async (weights, options) => {
        const source = { read: async (name: string) => weights.get(name)!.data.slice() };
        const program = await Program.load(await buildLlama(config, source, { precision: 'fp32' }), options);
        return new LanguageModel({
          id,
          config,
          program,
          precision: 'fp32',
          tokenizer,
          chatTemplate: template,
          eosIds: endIdsOf(config.modelType, tokenizer),
          capabilities: new Set(attentionCapabilities(config)),
          findFolder,
        });
      },
      save: (folder, weights) => {
        const files = tokenizerFilesOf(data);
        return saveModel(folder, weights, { config: description, tokenizer: files });
      },
    };
  } finally {
    await checkpoint.close();
  }
}
