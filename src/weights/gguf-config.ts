/**
 * A Hugging Face config.json synthesised from GGUF metadata, so that models read one kind of configuration.
 * Keys: docs/gguf.md of the ggml project; the Llama 3 frequency factors follow convert_hf_to_gguf.py of llama.cpp.
 */

import { QuickstepError } from '../errors.ts';
import type { GgufMetadata, GgufValue } from './gguf-metadata.ts';
import { ggufArchitectures } from './gguf-names.ts';
import type { GgufTensor } from './gguf-tensors.ts';

const classNames = new Map([
  ['llama', 'LlamaForCausalLM'],
  ['mistral', 'MistralForCausalLM'],
  ['qwen2', 'Qwen2ForCausalLM'],
  ['qwen3', 'Qwen3ForCausalLM'],
  ['llada', 'LLaDAModelLM'],
  ['llada-moe', 'LLaDAMoEModelLM'],
  ['dream', 'DreamModel'],
]);

const diffusionArchitectures = new Set(['llada', 'llada-moe', 'dream']);

/** Bounds every size of the configuration; products of two stay exact in a double. */
const MAX_SIZE = 2 ** 24;

/** Reads typed values under `<architecture>.`, refusing those that make no sense. */
class Keys {
  readonly architecture: string;
  readonly #metadata: GgufMetadata;
  readonly #path: string;

  constructor(metadata: GgufMetadata, path: string) {
    this.#metadata = metadata;
    this.#path = path;
    this.architecture = String(metadata.get('general.architecture') ?? '').slice(0, 64);
  }

  size(key: string, fallback?: number): number {
    const full = `${this.architecture}.${key}`;
    const value = this.#metadata.get(full) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MAX_SIZE) return value;
    const is = value === undefined ? 'is missing' : `is ${JSON.stringify(printable(value))}`;
    throw new QuickstepError(
      'bad-file',
      `"${this.#path}": the metadata key "${full}" ${is}.`,
      'Convert it again.',
    );
  }

  number(key: string): number | undefined {
    const value = this.#metadata.get(`${this.architecture}.${key}`);
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  }

  boolean(key: string): boolean | undefined {
    const value = this.#metadata.get(key);
    return typeof value === 'boolean' ? value : undefined;
  }

  string(key: string): string | undefined {
    const value = this.#metadata.get(`${this.architecture}.${key}`);
    return typeof value === 'string' ? value : undefined;
  }

  token(name: string): number | undefined {
    const value = this.#metadata.get(`tokenizer.ggml.${name}_token_id`);
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
  }
}

/**
 * The configuration of a GGUF model. `ropeFactors` are the values of its `rope_freqs.weight`, when it has one:
 * the divisors of the rotary frequencies, `[head_dim / 2]`. Throws `unsupported` for an architecture outside the
 * Llama family and `bad-file` for missing or senseless sizes.
 */
export function configFromGguf(
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, GgufTensor>,
  path: string,
  ropeFactors?: Float32Array,
): Record<string, unknown> {
  const keys = new Keys(metadata, path);
  const { architecture } = keys;
  checkArchitecture(architecture, metadata, path);
  const hidden = keys.size('embedding_length');
  const heads = keys.size('attention.head_count');
  const headDim = keys.size('attention.key_length', keys.number('rope.dimension_count') ?? hidden / heads);
  const ropeTheta = keys.number('rope.freq_base') ?? 10_000;
  const vocabulary = tensors.get('token_embd.weight')?.shape[0];
  const config: Record<string, unknown> = {
    architectures: [classNames.get(architecture)],
    model_type: architecture === 'dream' ? 'Dream' : architecture,
    hidden_size: hidden,
    num_hidden_layers: keys.size('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: keys.size('attention.head_count_kv', heads),
    head_dim: headDim,
    ...feedForwardSizes(keys, tensors),
    hidden_act: 'silu',
    rms_norm_eps: keys.number('attention.layer_norm_rms_epsilon') ?? 1e-5,
    rope_theta: ropeTheta,
    rope_scaling: ropeFactors ? scalingFromFactors(ropeFactors, ropeTheta, headDim) : scalingFromKeys(keys),
    vocab_size: vocabulary ?? keys.size('vocab_size'),
    max_position_embeddings: keys.size('context_length'),
    tie_word_embeddings: !tensors.has('output.weight'),
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    sliding_window: keys.number('attention.sliding_window') || null,
  };
  const ends = [keys.token('eos'), keys.token('eot')].filter((id) => id !== undefined);
  const endIds = [...new Set(ends)];
  if (endIds.length > 0) config.eos_token_id = endIds.length === 1 ? endIds[0] : endIds;
  const start = keys.token('bos');
  if (start !== undefined) config.bos_token_id = start;
  const padding = keys.token('padding');
  if (padding !== undefined) config.pad_token_id = padding;
  return { ...config, ...diffusionEntries(keys) };
}

/** Sizes of the feed-forward layer, or of an expert; a layer of all chosen experts is as wide as the first says. */
function feedForwardSizes(keys: Keys, tensors: ReadonlyMap<string, GgufTensor>): Record<string, unknown> {
  if (keys.architecture !== 'llada-moe') return { intermediate_size: keys.size('feed_forward_length') };
  const chosen = keys.size('expert_used_count');
  const width = keys.number('feed_forward_length');
  return {
    intermediate_size: keys.size('expert_feed_forward_length', width && width / chosen),
    num_experts: keys.size('expert_count'),
    num_experts_per_tok: chosen,
    qk_layernorm: tensors.has('blk.0.attn_q_norm.weight'),
  };
}

/** What only models have that see the whole context: nothing for the others, whose tokenizers may name a mask too. */
function diffusionEntries(keys: Keys): Record<string, unknown> {
  const causal = keys.boolean(`${keys.architecture}.attention.causal`);
  const entries: Record<string, unknown> = {};
  if (causal !== undefined) entries.is_causal = causal;
  if (causal !== false && !diffusionArchitectures.has(keys.architecture)) return entries;
  const mask = keys.token('mask');
  if (mask !== undefined) entries.mask_token_id = mask;
  const shift = keys.boolean('diffusion.shift_logits');
  if (shift !== undefined) entries.shift_logits = shift;
  return entries;
}

function checkArchitecture(architecture: string, metadata: GgufMetadata, path: string): void {
  if (architecture === '') {
    throw new QuickstepError('bad-file', `"${path}" does not name its architecture (general.architecture).`);
  }
  if (!ggufArchitectures.includes(architecture)) {
    throw new QuickstepError(
      'unsupported',
      `"${path}" holds the GGUF architecture "${architecture}".`,
      `Quickstep reads ${ggufArchitectures.join(', ')} from GGUF.`,
    );
  }
  const parts = metadata.get('split.count');
  if (typeof parts === 'number' && parts > 1) {
    throw new QuickstepError(
      'unsupported',
      `"${path}" is one of ${parts} parts of a split GGUF model.`,
      'Join them with llama-gguf-split --merge.',
    );
  }
}

function scalingFromKeys(keys: Keys): Record<string, unknown> | null {
  const type = keys.string('rope.scaling.type');
  const factor = keys.number('rope.scaling.factor') ?? keys.number('rope.scale_linear');
  if (type === 'none' || factor === undefined || factor === 1) return null;
  if (type === undefined || type === 'linear') return { rope_type: 'linear', factor };
  const scaling: Record<string, unknown> = { rope_type: type, factor };
  const original = keys.number('rope.scaling.original_context_length');
  if (original !== undefined) scaling.original_max_position_embeddings = original;
  const attention = keys.number('rope.scaling.attn_factor');
  if (attention !== undefined) scaling.attention_factor = attention;
  return scaling;
}

/** The published Llama 3 parameters when they explain the factors, else the factors themselves. */
function scalingFromFactors(factors: Float32Array, theta: number, headDim: number): Record<string, unknown> {
  const scaling = {
    rope_type: 'llama3',
    factor: factors[factors.length - 1],
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  const same =
    factors.length === headDim / 2 &&
    factors.every((factor, i) => {
      const expected = llama3Factor(theta ** ((-2 * i) / headDim), scaling);
      return Math.abs(factor - expected) <= 1e-4 * expected;
    });
  return same ? scaling : { rope_type: 'factors', factors: Array.from(factors) };
}

function llama3Factor(
  frequency: number,
  scaling: {
    factor: number;
    low_freq_factor: number;
    high_freq_factor: number;
    original_max_position_embeddings: number;
  },
): number {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling;
  const turns = (scaling.original_max_position_embeddings * frequency) / (2 * Math.PI);
  if (turns > high) return 1;
  if (turns < low) return factor;
  const smooth = (turns - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}

function printable(value: GgufValue): string | number | boolean {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'bigint'
    ? value.toString()
    : typeof value === 'string'
      ? value.slice(0, 64)
      : value;
}
