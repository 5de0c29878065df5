/** What the recipes of the house models share: architecture, tokenizer, files. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LlamaConfig, parseLlamaConfig } from '../../models/config.ts';
import { llamaWeightShapes } from '../../models/llama-training.ts';
import { type EncodedProblem, type Problem, problemEncoder, specialId } from '../../tasks/index.ts';
import { type TokenizerFiles, tokenizerFromJson } from '../../text/index.ts';
import { initialize, type Parameter, residualInitializer } from '../parameters.ts';

/** Folder of the checked-in models. */
export const modelsFolder = fileURLToPath(new URL('../../../models', import.meta.url));
/** All house models but house-graph share one tokenizer. */
const tokenizerFolder = join(modelsFolder, 'house-causal');

export interface HouseSize {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
}

export interface HouseModel {
  /** Content of config.json. */
  file: Record<string, unknown>;
  config: LlamaConfig;
  encode: (problem: Problem) => EncodedProblem;
  eos: number;
  mask: number;
  files: TokenizerFiles;
}

async function sharedTokenizer(): Promise<TokenizerFiles> {
  const read = async (name: string) => JSON.parse(await readFile(join(tokenizerFolder, name), 'utf8'));
  return { tokenizer: await read('tokenizer.json'), config: await read('tokenizer_config.json') };
}

/**
 * A house model's config and tokens.
 * @param overrides Further fields of config.json.
 * @param own A tokenizer of its own.
 */
export async function houseModel(
  size: HouseSize,
  overrides: Record<string, unknown> = {},
  own?: TokenizerFiles,
): Promise<HouseModel> {
  const files = own ?? (await sharedTokenizer());
  const tokenizer = tokenizerFromJson(files.tokenizer, files.config);
  const [eos, mask] = [specialId(tokenizer, 'eos'), specialId(tokenizer, 'mask')];
  const file = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: size.hiddenSize,
    intermediate_size: size.intermediateSize,
    num_hidden_layers: size.layers,
    num_attention_heads: size.heads,
    num_key_value_heads: size.heads,
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    hidden_act: 'silu',
    eos_token_id: eos,
    pad_token_id: eos,
    torch_dtype: 'float16',
    ...overrides,
  };
  return { file, config: parseLlamaConfig(file), encode: problemEncoder(tokenizer), eos, mask, files };
}

/** Fresh weights of a config. */
export function freshWeights(config: LlamaConfig, seed: number): Map<string, Parameter> {
  return initialize(llamaWeightShapes(config), residualInitializer(config.layers), seed);
}

/** Tokens of the answers, end tokens included. */
export const answerTokens = (examples: readonly EncodedProblem[]) =>
  examples.reduce((sum, { tokens, answerStart }) => sum + tokens.length - answerStart, 0);
