/**
 * The configurations of LLaDA (Nie et al. 2025, arXiv:2502.09992; keys of OLMo) and LLaDA-MoE (Zhu et al. 2025,
 * arXiv:2509.24389) in the keys of the Llama family. Both call themselves "llada". Their configuration classes have
 * many switches; those that would change the program are checked one by one, and a key nobody here knows is refused
 * unless it is off.
 */

import { QuickstepError } from '../errors.ts';

type Raw = Record<string, unknown>;

/** Architecture switches: the values that are implemented. The first is what an absent one means. */
type Switches = Record<string, readonly unknown[]>;

const denseSwitches: Switches = {
  alibi: [false],
  attention_layer_norm: [false],
  bias_for_layer_norm: [null, false],
  block_group_size: [1],
  include_bias: [false],
  include_qkv_bias: [false, null],
  input_emb_norm: [false],
  layer_norm_with_affine: [true],
  multi_query_attention: [null, false],
  scale_logits: [false],
};

/** What the configuration class fills in here is another model: the values have to be in the file. */
const denseChoices: Switches = {
  activation_type: ['silu'],
  block_type: ['llama'],
  layer_norm_type: ['rms'],
  rope: [true],
};

const expertSwitches: Switches = {
  attention_bias: [false, null],
  clip_qkv: [null],
  moe_router_enable_expert_bias: [false, null],
  moe_router_score_function: ['softmax', null],
  partial_rotary_factor: [1, null],
  shared_expert_intermediate_size: [null],
};

const denseSizes = [
  'd_model',
  'embedding_size',
  'mlp_hidden_size',
  'mlp_ratio',
  'n_heads',
  'n_kv_heads',
  'n_layers',
  'max_sequence_length',
  'weight_tying',
];

const expertSizes = [
  'expert_intermediate_size',
  'head_dim',
  'hidden_act',
  'hidden_size',
  'max_position_embeddings',
  'moe_layer_freq',
  'num_attention_heads',
  'num_experts',
  'num_experts_per_tok',
  'num_hidden_layers',
  'num_key_value_heads',
  'qk_layernorm',
  'rope_scaling',
];

/**
 * Read for both, or of no consequence for a forward: training, initialization, number formats, bookkeeping; and
 * `norm_topk_prob`, `routed_scaling_factor` and the router's groups, which the published code of LLaDA-MoE does not read.
 */
const idle = [
  '_name_or_path',
  'alibi_bias_max',
  'architectures',
  'attention_dropout',
  'attention_layer_norm_with_affine',
  'auto_map',
  'bos_token_id',
  'dense_intermediate_size',
  'dtype',
  'embedding_dropout',
  'eos_token_id',
  'flash_attention',
  'init_cutoff_factor',
  'init_device',
  'init_fn',
  'init_std',
  'initializer_range',
  'is_causal',
  'mask_token_id',
  'model_type',
  'norm_topk_prob',
  'output_router_logits',
  'pad_token_id',
  'precision',
  'residual_dropout',
  'rms_norm_eps',
  'rope_full_precision',
  'rope_theta',
  'routed_scaling_factor',
  'router_aux_loss_coef',
  'router_num_group',
  'router_topk_group',
  'shift_logits',
  'tie_word_embeddings',
  'torch_dtype',
  'transformers_version',
  'use_cache',
  'vocab_size',
];

function refuse(key: string, value: unknown, hint: string): never {
  const shown = JSON.stringify(value)?.slice(0, 64) ?? 'missing';
  throw new QuickstepError('unsupported', `config.json: ${key} ${shown} is not supported for LLaDA.`, hint);
}

function checkSwitches(raw: Raw, switches: Switches, required: boolean): void {
  for (const [key, values] of Object.entries(switches)) {
    const value = required ? raw[key] : (raw[key] ?? values[0]);
    if (values.includes(value)) continue;
    refuse(key, value, `Supported: ${values.map((value) => JSON.stringify(value)).join(', ')}.`);
  }
}

function checkUnknown(raw: Raw, known: readonly string[]): void {
  const names = new Set([...known, ...idle]);
  for (const [key, value] of Object.entries(raw)) {
    if (names.has(key) || value === null || value === false) continue;
    refuse(
      key,
      value,
      'It is not a key of the published models; remove it if the weights do not depend on it.',
    );
  }
}

function numberAt(raw: Raw, key: string, fallback?: number): number {
  const value = raw[key] ?? fallback;
  if (typeof value === 'number') return value;
  throw new QuickstepError(
    'bad-file',
    `config.json: ${key}: expected a number.`,
    'Fetch the checkpoint again.',
  );
}

function denseAsLlama(raw: Raw): Raw {
  checkSwitches(raw, denseChoices, true);
  checkSwitches(raw, denseSwitches, false);
  checkUnknown(raw, [...denseSizes, ...Object.keys(denseChoices), ...Object.keys(denseSwitches)]);
  const hidden = numberAt(raw, 'd_model');
  const heads = numberAt(raw, 'n_heads');
  const { model_type, is_causal, mask_token_id, shift_logits } = raw;
  return {
    model_type,
    is_causal,
    mask_token_id,
    shift_logits,
    hidden_size: hidden,
    intermediate_size: numberAt(raw, 'mlp_hidden_size', numberAt(raw, 'mlp_ratio', 4) * hidden),
    num_hidden_layers: numberAt(raw, 'n_layers'),
    num_attention_heads: heads,
    num_key_value_heads: numberAt(raw, 'n_kv_heads', heads),
    // The table may be padded beyond the tokenizer's vocabulary.
    vocab_size: numberAt(raw, 'embedding_size', numberAt(raw, 'vocab_size')),
    max_position_embeddings: numberAt(raw, 'max_sequence_length', 1024),
    rms_norm_eps: numberAt(raw, 'rms_norm_eps', 1e-5),
    rope_theta: numberAt(raw, 'rope_theta', 10_000),
    tie_word_embeddings: raw.weight_tying ?? true,
  };
}

function expertsAsLlama(raw: Raw): Raw {
  checkSwitches(raw, expertSwitches, false);
  checkUnknown(raw, [...expertSizes, ...Object.keys(expertSwitches)]);
  const layers = [raw.moe_layer_freq ?? []].flat();
  if (layers.includes(0)) refuse('moe_layer_freq', layers, 'Experts have to be in every layer.');
  return {
    ...raw,
    model_type: 'llada-moe',
    intermediate_size: numberAt(raw, 'expert_intermediate_size'),
    max_position_embeddings: numberAt(raw, 'max_position_embeddings', 4096),
    rms_norm_eps: numberAt(raw, 'rms_norm_eps', 1e-5),
  };
}

/**
 * A LLaDA configuration as the Llama family writes it, model type "llada" or "llada-moe"; any other as it is.
 * @throws QuickstepError 'unsupported' for a switch that is not implemented or an unknown key, 'bad-file' for a missing
 * size; both name the key.
 */
export function lladaAsLlama(raw: Raw): Raw {
  const { model_type: type } = raw;
  if ((type === 'llada' && 'num_experts' in raw) || type === 'lladamoe') return expertsAsLlama(raw);
  // A checkpoint that came from GGUF has the Llama family's keys already.
  return type === 'llada' && !('hidden_size' in raw) ? denseAsLlama(raw) : raw;
}
