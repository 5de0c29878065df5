/** config.json is untrusted: what is understood, what is refused and with which words. */

import { describe, expect, it } from 'vitest';
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
      shiftLogits: false,
    });
    const masked = { ...minimal, is_causal: false, mask_token_id: 99, shift_logits: true };
    expect(parseLlamaConfig(masked)).toMatchObject({ causal: false, maskTokenId: 99, shiftLogits: true });
  });

  it.each([
    [{ mask_token_id: 100 }, /mask_token_id 100 is outside the vocabulary of 100/],
    [{ mask_token_id: -1 }, /mask_token_id/],
    [{ is_causal: 'no' }, /is_causal/],
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
