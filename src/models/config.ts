/**
 * The architecture of a Llama-family checkpoint, read from its Hugging Face config.json.
 * The file is untrusted: sizes are bounded here, before anything is allocated from them.
 */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { lladaAsLlama } from './config-llada.ts';

const size = (max: number) => z.number().int().min(1).max(max);

const ropeScaling = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: size(1 << 24).optional(),
  factors: z.array(z.number().positive()).max(4096).optional(),
});

const configFile = z.object({
  model_type: z.string(),
  hidden_size: size(1 << 17),
  intermediate_size: size(1 << 20),
  num_hidden_layers: size(1024),
  num_attention_heads: size(4096),
  num_key_value_heads: size(4096).nullish(),
  head_dim: size(4096).nullish(),
  vocab_size: size(1 << 22),
  max_position_embeddings: size(1 << 24).default(2048),
  rms_norm_eps: z.number().positive().max(1).default(1e-6),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeScaling.nullish(),
  rope_parameters: ropeScaling.nullish(),
  tie_word_embeddings: z.boolean().optional(),
  sliding_window: size(1 << 24).nullish(),
  use_sliding_window: z.boolean().optional(),
  max_window_layers: z.number().int().nullish(),
  layer_types: z.array(z.string()).max(1024).nullish(),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().optional(),
  hidden_act: z.string().default('silu'),
  is_causal: z.boolean().optional(),
  mask_token_id: z.number().int().min(0).nullish(),
  corruption: z.enum(['mask', 'uniform']).nullish(),
  causal_prompt: z.boolean().optional(),
  shift_logits: z.boolean().optional(),
  num_experts: z.number().int().min(0).max(4096).nullish(),
  num_experts_per_tok: z.number().int().min(0).max(4096).nullish(),
  qk_layernorm: z.boolean().nullish(),
});
type ConfigFile = z.infer<typeof configFile>;

/** How rotary frequencies are stretched beyond the trained context. */
export type RopeScaling =
  | { type: 'default' }
  | { type: 'linear'; factor: number }
  /** Each frequency divided by its own factor, as GGUF files store Llama 3's scaling. */
  | { type: 'factors'; factors: readonly number[] }
  | { type: 'llama3'; factor: number; lowFrequency: number; highFrequency: number; originalContext: number };

export interface LlamaConfig {
  modelType: string;
  hiddenSize: number;
  /** Width of the feed-forward layer; of one expert where there are `experts`. */
  intermediateSize: number;
  /** A router and so many experts in place of each feed-forward layer, of which a token uses `chosen` (LLaDA-MoE). */
  experts: { count: number; chosen: number } | undefined;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabSize: number;
  /** Longest context the model was made for, in tokens. */
  contextLength: number;
  normEpsilon: number;
  ropeTheta: number;
  ropeScaling: RopeScaling;
  tiedEmbeddings: boolean;
  /** A row sees keys fewer than this many positions away. */
  slidingWindow: number | undefined;
  /** Bias on the query, key and value projections (Qwen2). */
  qkvBias: boolean;
  /** RMS norm of each query and key head (Qwen3). */
  qkNorm: boolean;
  /** Trained so that a token sees only what is before it; otherwise every token sees the whole context. */
  causal: boolean;
  /** The token that stands for an undecided position, in masked-diffusion models. It is never predicted. */
  maskTokenId: number | undefined;
  /**
   * What an undecided position of a canvas holds: the mask token, or a random token of the vocabulary, anew in each step
   * (uniform corruption, as in DiffusionGemma). Undefined for models that fill no canvas.
   */
  corruption: 'mask' | 'uniform' | undefined;
  /** The rows of the prompt see only what is before them, though those of the canvas see all (DiffusionGemma). */
  causalPrompt: boolean;
  /** The logits of a position are those of the row before it, as a model that was causal once keeps it (Dream). */
  shiftLogits: boolean;
}

/** What the model type says by itself; entries of the file go before `causal`, `shiftLogits` and `maskTokenId`. */
interface Family {
  qkvBias?: boolean;
  qkNorm?: boolean;
  causal?: boolean;
  shiftLogits?: boolean;
  /** The published models' mask, for files that do not name it. */
  maskTokenId?: number;
}

const families = new Map<string, Family>([
  ['llama', {}],
  ['mistral', {}],
  ['qwen2', { qkvBias: true }],
  ['qwen3', { qkNorm: true }],
  ['smollm', {}],
  ['llada', { causal: false, maskTokenId: 126_336 }],
  ['llada-moe', { causal: false, maskTokenId: 156_895 }],
  ['Dream', { causal: false, qkvBias: true, shiftLogits: true }],
]);

function parseScaling(raw: z.infer<typeof ropeScaling> | null | undefined): RopeScaling {
  const type = raw?.rope_type ?? raw?.type ?? 'default';
  if (type === 'default') return { type };
  if (type === 'linear') return { type, factor: raw?.factor ?? 1 };
  if (type === 'factors' && raw?.factors) return { type, factors: raw.factors };
  if (type === 'llama3') {
    return {
      type,
      factor: raw?.factor ?? 8,
      lowFrequency: raw?.low_freq_factor ?? 1,
      highFrequency: raw?.high_freq_factor ?? 4,
      originalContext: raw?.original_max_position_embeddings ?? 8192,
    };
  }
  throw new QuickstepError(
    'unsupported',
    `RoPE scaling "${type}" is not implemented.`,
    'Known: default, linear, factors, llama3.',
  );
}

/** Whether all layers attend through the sliding window; a mixture is refused. */
function isWindowed(config: ConfigFile): boolean {
  // Dream keeps Qwen's entries, but its code has no window.
  if (config.model_type === 'Dream') return false;
  const layers = config.num_hidden_layers;
  let windowed = layers;
  if (config.layer_types) windowed = config.layer_types.filter((type) => type === 'sliding_attention').length;
  else if (config.model_type.startsWith('qwen')) {
    // Qwen windows the layers from max_window_layers on; 28 is the default of its configuration class.
    windowed = config.use_sliding_window ? Math.max(0, layers - (config.max_window_layers ?? 28)) : 0;
  }
  if (windowed > 0 && windowed < layers)
    unsupported('Sliding windows on a part of the layers are not supported.');
  return windowed > 0;
}

function unsupported(what: string): never {
  throw new QuickstepError('unsupported', what, `Supported model types: ${[...families.keys()].join(', ')}.`);
}

/** @throws QuickstepError 'bad-file' for a mask outside the vocabulary, or none where the model type has to have one. */
function maskTokenIdOf(config: ConfigFile, { causal = true, maskTokenId: published = Infinity }: Family) {
  const given = config.mask_token_id ?? undefined;
  if (given === undefined && causal) return undefined;
  const id = given ?? published;
  if (id < config.vocab_size) return id;
  const what =
    given === undefined
      ? 'mask_token_id is missing'
      : `mask_token_id ${given} is outside the vocabulary of ${config.vocab_size}`;
  throw new QuickstepError('bad-file', `config.json: ${what}.`, 'Fetch the checkpoint again.');
}

/** @throws QuickstepError 'bad-file' for entries that contradict each other. */
function corruptionOf(
  config: ConfigFile,
  causal: boolean,
  shiftLogits: boolean,
  maskTokenId: number | undefined,
): Pick<LlamaConfig, 'corruption' | 'causalPrompt'> {
  const corruption = config.corruption ?? (maskTokenId === undefined ? undefined : 'mask');
  const causalPrompt = config.causal_prompt ?? false;
  const contradiction = (what: string) =>
    new QuickstepError('bad-file', `config.json: ${what}.`, 'Correct it, or fetch the checkpoint again.');
  if (corruption === 'mask' && maskTokenId === undefined)
    throw contradiction('corruption is mask, but mask_token_id is missing');
  if (corruption === 'uniform' && maskTokenId !== undefined)
    throw contradiction(`corruption is uniform, but mask_token_id is ${maskTokenId}`);
  if (corruption === 'uniform' && causal)
    throw contradiction('corruption is uniform, but is_causal is not false');
  if (causalPrompt && corruption === undefined)
    throw contradiction('causal_prompt is for models with a corruption');
  // The row that would speak for the first position of the canvas belongs to the prompt, and has not seen the canvas.
  if (causalPrompt && shiftLogits) throw contradiction('causal_prompt and shift_logits exclude each other');
  return { corruption, causalPrompt };
}

/** @throws QuickstepError 'bad-file' when it cannot be. */
function expertsOf(config: ConfigFile): LlamaConfig['experts'] {
  if (config.model_type !== 'llada-moe') return undefined;
  const [count, chosen] = [config.num_experts ?? 0, config.num_experts_per_tok ?? 0];
  if (chosen >= 1 && chosen <= count) return { count, chosen };
  throw new QuickstepError(
    'bad-file',
    `config.json: num_experts_per_tok ${chosen} does not fit num_experts ${count}.`,
    'Fetch the checkpoint again.',
  );
}

/**
 * Reads the architecture.
 * @throws QuickstepError 'bad-file' for missing or absurd fields, 'unsupported' for other architectures.
 */
export function parseLlamaConfig(raw: Record<string, unknown>): LlamaConfig {
  const parsed = configFile.safeParse(lladaAsLlama(raw));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue.path.join('.') || 'config.json';
    throw new QuickstepError(
      'bad-file',
      `config.json: ${where}: ${issue.message}.`,
      'Fetch the checkpoint again.',
    );
  }
  const config = parsed.data;
  const family =
    families.get(config.model_type) ?? unsupported(`Model type "${config.model_type}" is not supported.`);
  if (config.hidden_act !== 'silu') unsupported(`Activation "${config.hidden_act}" is not supported.`);
  if (config.mlp_bias) unsupported('Biases in the feed-forward layers are not supported.');
  if (!family.qkvBias && config.attention_bias)
    unsupported('attention_bias is supported for qwen2 and Dream only.');
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  if (heads % kvHeads !== 0) {
    throw new QuickstepError(
      'bad-file',
      `config.json: ${heads} heads do not divide into ${kvHeads} key-value heads.`,
    );
  }
  const headDim = config.head_dim ?? config.hidden_size / heads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new QuickstepError('bad-file', `config.json: head size ${headDim} is not an even integer.`);
  }
  const experts = expertsOf(config);
  const causal = config.is_causal ?? family.causal ?? true;
  const shiftLogits = config.shift_logits ?? family.shiftLogits ?? false;
  const maskTokenId = maskTokenIdOf(config, family);
  return {
    modelType: config.model_type,
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    experts,
    layers: config.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    vocabSize: config.vocab_size,
    contextLength: config.max_position_embeddings,
    normEpsilon: config.rms_norm_eps,
    ropeTheta: config.rope_theta ?? config.rope_parameters?.rope_theta ?? 10_000,
    ropeScaling: parseScaling(config.rope_scaling ?? config.rope_parameters),
    tiedEmbeddings: config.tie_word_embeddings ?? false,
    slidingWindow: isWindowed(config) ? (config.sliding_window ?? undefined) : undefined,
    qkvBias: family.qkvBias ?? false,
    qkNorm: family.qkNorm ?? (experts !== undefined && config.qk_layernorm === true),
    causal,
    maskTokenId,
    ...corruptionOf(config, causal, shiftLogits, maskTokenId),
    shiftLogits,
  };
}
