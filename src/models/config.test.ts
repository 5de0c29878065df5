/** config.json is untrusted: what is understood, what is refused and with which words. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/golden/models/golden.ts';
import { parseLlamaConfig } from './config.ts';

const minimal = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 100,
};

describe('parseLlamaConfig', () => {
  it('fills in what old configurations leave out', () => {
    expect(parseLlamaConfig(minimal)).toMatchObject({
      kvHeads: 4,
      headDim: 16,
      contextLength: 2048,
      ropeTheta: 10_000,
      ropeScaling: { type: 'default' },
      tiedEmbeddings: false,
      slidingWindow: undefined,
      qkvBias: false,
      qkNorm: false,
    });
  });

  it('reads the rotary settings from both places', () => {
    const scaling = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    };
    const old = { ...minimal, rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...scaling } };
    const recent = { ...minimal, rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...scaling } };
    expect(parseLlamaConfig(old)).toEqual(parseLlamaConfig(recent));
    expect(parseLlamaConfig(old)).toMatchObject({
      ropeTheta: 5e5,
      ropeScaling: { type: 'llama3', factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 32 },
    });
    const oldest = { ...minimal, rope_scaling: { type: 'linear', factor: 4 } };
    expect(parseLlamaConfig(oldest).ropeScaling).toEqual({ type: 'linear', factor: 4 });
  });

  it('knows what each family adds', () => {
    const of = (model_type: string, more = {}) => parseLlamaConfig({ ...minimal, model_type, ...more });
    expect(of('mistral', { sliding_window: 16 }).slidingWindow).toBe(16);
    expect(of('mistral', { sliding_window: null }).slidingWindow).toBeUndefined();
    expect(of('qwen2', { sliding_window: 16, use_sliding_window: false })).toMatchObject({
      slidingWindow: undefined,
      qkvBias: true,
    });
    expect(of('qwen3', { head_dim: 32 })).toMatchObject({ headDim: 32, qkNorm: true, qkvBias: false });
  });

  it('knows what a masked-diffusion model says of itself', () => {
    expect(parseLlamaConfig(minimal)).toMatchObject({
      causal: true,
      maskTokenId: undefined,
      corruption: undefined,
      causalPrompt: false,
      shiftLogits: false,
    });
    const masked = { ...minimal, is_causal: false, mask_token_id: 99, shift_logits: true };
    expect(parseLlamaConfig(masked)).toMatchObject({
      causal: false,
      maskTokenId: 99,
      corruption: 'mask',
      shiftLogits: true,
    });
  });

  it('knows models whose undecided positions are random tokens, and prompts that do not see the canvas', () => {
    const noise = { ...minimal, is_causal: false, corruption: 'uniform' };
    expect(parseLlamaConfig(noise)).toMatchObject({ corruption: 'uniform', causalPrompt: false });
    const behind = { ...noise, causal_prompt: true };
    expect(parseLlamaConfig(behind)).toMatchObject({ maskTokenId: undefined, causalPrompt: true });
    const masked = { ...minimal, is_causal: false, mask_token_id: 99, causal_prompt: true };
    expect(parseLlamaConfig(masked)).toMatchObject({ corruption: 'mask', causalPrompt: true });
  });

  it.each([
    [{ mask_token_id: 100 }, /mask_token_id 100 is outside the vocabulary of 100/],
    [{ mask_token_id: -1 }, /mask_token_id/],
    [{ is_causal: 'no' }, /is_causal/],
    [{ corruption: 'gaussian' }, /corruption/],
    [{ corruption: 'mask' }, /corruption is mask, but mask_token_id is missing/],
    [{ corruption: 'uniform' }, /corruption is uniform, but is_causal is not false/],
    [
      { corruption: 'uniform', is_causal: false, mask_token_id: 9 },
      /corruption is uniform, but mask_token_id is 9/,
    ],
    [{ causal_prompt: true }, /causal_prompt is for models with a corruption/],
    [
      { corruption: 'uniform', is_causal: false, causal_prompt: true, shift_logits: true },
      /causal_prompt and shift_logits exclude each other/,
    ],
    [{ hidden_size: undefined }, /hidden_size/],
    [{ hidden_size: -64 }, /hidden_size/],
    [{ num_hidden_layers: 1e9 }, /num_hidden_layers/],
    [{ vocab_size: 1.5 }, /vocab_size/],
    [{ rms_norm_eps: Number.POSITIVE_INFINITY }, /rms_norm_eps/],
    [{ num_key_value_heads: 3 }, /4 heads do not divide into 3/],
    [{ hidden_size: 66 }, /head size 16.5/],
    [{ head_dim: 15 }, /head size 15/],
  ])('%o is a damaged file', (change, message) => {
    const parse = () => parseLlamaConfig({ ...minimal, ...change });
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'bad-file' }));
  });

  it.each([
    [{ model_type: 'gpt2' }, /gpt2/],
    [{ hidden_act: 'gelu' }, /gelu/],
    [{ mlp_bias: true }, /Bias/],
    [{ attention_bias: true }, /attention_bias/],
    [{ rope_scaling: { rope_type: 'yarn', factor: 4 } }, /yarn/],
    [
      { model_type: 'qwen2', use_sliding_window: true, sliding_window: 8, max_window_layers: 1 },
      /part of the layers/,
    ],
  ])('%o is not supported', (change, message) => {
    const parse = () => parseLlamaConfig({ ...minimal, ...change });
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  it.each([
    [{ model_type: 'qwen2', use_sliding_window: true, max_window_layers: 0 }, 16],
    [{ model_type: 'qwen2', use_sliding_window: true }, undefined],
    [{ model_type: 'qwen2', use_sliding_window: false }, undefined],
    [{ model_type: 'mistral' }, 16],
    [
      { model_type: 'llama', layer_types: Array(minimal.num_hidden_layers).fill('full_attention') },
      undefined,
    ],
    [{ model_type: 'llama', layer_types: Array(minimal.num_hidden_layers).fill('sliding_attention') }, 16],
  ])('reads the sliding window of %o as %s', (change, window) => {
    expect(parseLlamaConfig({ ...minimal, sliding_window: 16, ...change }).slidingWindow).toBe(window);
  });
});

const fileAt = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(fixture(`${name}/config.json`), 'utf8'));

describe('configurations of masked diffusion models', () => {
  it('reads LLaDA-8B', () => {
    expect(parseLlamaConfig(fileAt('llada-8b'))).toEqual({
      modelType: 'llada',
      hiddenSize: 4096,
      intermediateSize: 12288,
      experts: undefined,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      headDim: 128,
      vocabSize: 126464,
      contextLength: 4096,
      normEpsilon: 1e-5,
      ropeTheta: 500_000,
      ropeScaling: { type: 'default' },
      tiedEmbeddings: false,
      slidingWindow: undefined,
      qkvBias: false,
      qkNorm: false,
      causal: false,
      maskTokenId: 126336,
      corruption: 'mask',
      causalPrompt: false,
      shiftLogits: false,
    });
  });

  it('reads LLaDA-MoE, which calls itself llada too', () => {
    expect(parseLlamaConfig(fileAt('llada-moe'))).toMatchObject({
      modelType: 'llada-moe',
      intermediateSize: 16,
      experts: { count: 6, chosen: 2 },
      qkNorm: true,
      causal: false,
      shiftLogits: false,
    });
  });

  it('reads Dream', () => {
    const dream = fileAt('dream');
    expect(parseLlamaConfig(dream)).toMatchObject({ qkvBias: true, causal: false, shiftLogits: true });
    expect(parseLlamaConfig({ ...dream, shift_logits: false }).shiftLogits).toBe(false);
    // Its code has no window, whatever the file keeps of Qwen's entries.
    const windowed = { ...dream, use_sliding_window: true, sliding_window: 16, max_window_layers: 0 };
    expect(parseLlamaConfig(windowed).slidingWindow).toBeUndefined();
  });

  it('falls back to what the configuration class of LLaDA fills in', () => {
    const { mlp_hidden_size, n_kv_heads, embedding_size, ...less } = fileAt('llada');
    const config = parseLlamaConfig({ ...less, weight_tying: undefined, mask_token_id: 94 });
    expect(config).toMatchObject({ intermediateSize: 128, kvHeads: 4, vocabSize: 95, tiedEmbeddings: true });
  });

  it.each([
    ['llada', 126_336],
    ['llada-moe', 156_895],
  ])('knows the mask of the published %s models where the vocabulary has it', (type, mask) => {
    const experts = { num_experts: 4, num_experts_per_tok: 2 };
    const parse = (vocab_size: number) =>
      parseLlamaConfig({ ...minimal, model_type: type, ...(type === 'llada' ? {} : experts), vocab_size });
    expect(parse(mask + 1).maskTokenId).toBe(mask);
    expect(() => parse(mask)).toThrow(/mask_token_id is missing/);
  });

  it.each([
    ['llada', { d_model: undefined }, 'bad-file', /d_model: expected a number/],
    ['llada', { n_layers: '2' }, 'bad-file', /n_layers: expected a number/],
    ['llada', { block_type: 'sequential' }, 'unsupported', /block_type "sequential"/],
    ['llada', { block_type: undefined }, 'unsupported', /block_type missing/],
    ['llada', { activation_type: 'swiglu' }, 'unsupported', /activation_type "swiglu"/],
    ['llada', { layer_norm_type: 'default' }, 'unsupported', /layer_norm_type/],
    ['llada', { rope: false }, 'unsupported', /rope false/],
    ['llada', { alibi: true }, 'unsupported', /alibi true/],
    ['llada', { include_bias: true }, 'unsupported', /include_bias/],
    ['llada', { include_qkv_bias: true }, 'unsupported', /include_qkv_bias/],
    ['llada', { attention_layer_norm: true }, 'unsupported', /attention_layer_norm/],
    ['llada', { scale_logits: true }, 'unsupported', /scale_logits/],
    ['llada', { input_emb_norm: true }, 'unsupported', /input_emb_norm/],
    ['llada', { block_group_size: 2 }, 'unsupported', /block_group_size 2/],
    ['llada', { quantization_config: { bits: 4 } }, 'unsupported', /quantization_config/],
    ['llada-moe', { expert_intermediate_size: undefined }, 'bad-file', /expert_intermediate_size/],
    ['llada-moe', { num_experts_per_tok: 7 }, 'bad-file', /num_experts_per_tok 7/],
    ['llada-moe', { num_experts: 0 }, 'bad-file', /num_experts/],
    ['llada-moe', { moe_layer_freq: [0, 1] }, 'unsupported', /moe_layer_freq/],
    ['llada-moe', { shared_expert_intermediate_size: 16 }, 'unsupported', /shared_expert_intermediate_size/],
    ['llada-moe', { moe_router_enable_expert_bias: true }, 'unsupported', /expert_bias/],
    ['llada-moe', { moe_router_score_function: 'sigmoid' }, 'unsupported', /score_function "sigmoid"/],
    ['llada-moe', { partial_rotary_factor: 0.5 }, 'unsupported', /partial_rotary_factor/],
    ['llada-moe', { clip_qkv: 8 }, 'unsupported', /clip_qkv/],
    ['llada-moe', { attention_bias: true }, 'unsupported', /attention_bias/],
    ['llada-moe', { sliding_window: 8 }, 'unsupported', /sliding_window/],
    ['dream', { mask_token_id: undefined }, 'bad-file', /mask_token_id is missing/],
  ])('refuses %s with %o', (name, change, code, message) => {
    const parse = () => parseLlamaConfig({ ...fileAt(name), ...change });
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code }));
  });

  it('overlooks unknown switches that are off', () => {
    const file = fileAt('llada');
    expect(parseLlamaConfig({ ...file, new_kind: false, other: null })).toEqual(parseLlamaConfig(file));
  });
});
