import { describe, expect, it } from 'vitest';
import { configFromGguf } from './gguf-config.ts';
import type { GgufMetadata, GgufValue } from './gguf-metadata.ts';

/** Metadata of a small model of `architecture`, with `changes` under its prefix (undefined removes). */
function metadata(architecture: string, changes: Record<string, GgufValue | undefined> = {}): GgufMetadata {
  const own: Record<string, GgufValue | undefined> = {
    block_count: 2,
    context_length: 1024,
    embedding_length: 64,
    feed_forward_length: 128,
    'attention.head_count': 4,
    vocab_size: 100,
    ...changes,
  };
  const made: GgufMetadata = new Map([['general.architecture', architecture]]);
  for (const [key, value] of Object.entries(own)) {
    if (value !== undefined) made.set(`${architecture}.${key}`, value);
  }
  return made;
}

const configOf = (made: GgufMetadata, factors?: Float32Array) =>
  configFromGguf(made, new Map(), 'a.gguf', factors);

describe('configFromGguf', () => {
  it('fills in what a file may leave out', () => {
    expect(configOf(metadata('mistral'))).toMatchObject({
      architectures: ['MistralForCausalLM'],
      model_type: 'mistral',
      num_key_value_heads: 4,
      head_dim: 16,
      rope_theta: 10000,
      rope_scaling: null,
      sliding_window: null,
      vocab_size: 100,
    });
  });

  it('takes a head size apart from the hidden size, and a sliding window', () => {
    const made = metadata('qwen3', { 'attention.key_length': 32, 'attention.sliding_window': 256 });
    expect(configOf(made)).toMatchObject({ model_type: 'qwen3', head_dim: 32, sliding_window: 256 });
  });

  it.each<[changes: Record<string, GgufValue>, scaling: Record<string, unknown> | null]>([
    [{ 'rope.scaling.type': 'none', 'rope.scaling.factor': 2 }, null],
    [
      { 'rope.scaling.type': 'linear', 'rope.scaling.factor': 2 },
      { rope_type: 'linear', factor: 2 },
    ],
    [{ 'rope.scale_linear': 4 }, { rope_type: 'linear', factor: 4 }],
    [
      {
        'rope.scaling.type': 'yarn',
        'rope.scaling.factor': 4,
        'rope.scaling.original_context_length': 512,
        'rope.scaling.attn_factor': 1.5,
      },
      { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 512, attention_factor: 1.5 },
    ],
  ])('reads the rotary scaling %o', (changes, scaling) => {
    expect(configOf(metadata('qwen2', changes)).rope_scaling).toEqual(scaling);
  });

  it('keeps frequency divisors that no published formula explains', () => {
    const factors = Float32Array.of(1, 1, 2, 3, 4, 5, 6, 7);
    expect(configOf(metadata('llama'), factors).rope_scaling).toEqual({
      rope_type: 'factors',
      factors: [...factors],
    });
  });

  const experts = {
    feed_forward_length: undefined,
    expert_count: 8,
    expert_used_count: 2,
    expert_feed_forward_length: 48,
    'attention.causal': false,
  };

  it('reads the experts of LLaDA-MoE', () => {
    const made = metadata('llada-moe', experts).set('tokenizer.ggml.mask_token_id', 9);
    expect(configOf(made)).toMatchObject({
      architectures: ['LLaDAMoEModelLM'],
      model_type: 'llada-moe',
      intermediate_size: 48,
      num_experts: 8,
      num_experts_per_tok: 2,
      qk_layernorm: false,
      is_causal: false,
      mask_token_id: 9,
    });
    // Where only the width of all chosen ones together is told.
    const shared = { ...experts, expert_feed_forward_length: undefined, feed_forward_length: 128 };
    expect(configOf(metadata('llada-moe', shared)).intermediate_size).toBe(64);
  });

  it('reads what a masked diffusion model says of itself', () => {
    const dream = metadata('dream').set('tokenizer.ggml.mask_token_id', 7);
    expect(configOf(dream)).toMatchObject({ model_type: 'Dream', mask_token_id: 7 });
    expect(configOf(dream)).not.toHaveProperty('shift_logits');
    expect(configOf(dream.set('diffusion.shift_logits', false))).toMatchObject({ shift_logits: false });
    expect(configOf(metadata('llada'))).not.toHaveProperty('mask_token_id');
    const bidirectional = metadata('llama', { 'attention.causal': false }).set(
      'tokenizer.ggml.mask_token_id',
      7,
    );
    expect(configOf(bidirectional)).toMatchObject({ is_causal: false, mask_token_id: 7 });
  });

  it('takes no mask token of a causal model', () => {
    const made = metadata('llama').set('tokenizer.ggml.mask_token_id', 7);
    expect(configOf(made)).not.toHaveProperty('mask_token_id');
    expect(configOf(made)).not.toHaveProperty('is_causal');
  });

  it.each<[name: string, made: GgufMetadata, code: string, message: RegExp]>([
    [
      'experts without their number',
      metadata('llada-moe', { ...experts, expert_count: undefined }),
      'bad-file',
      /expert_count" is missing/,
    ],
    [
      'a missing size',
      metadata('llama', { block_count: undefined }),
      'bad-file',
      /llama\.block_count" is missing/,
    ],
    ['a size of zero', metadata('llama', { block_count: 0 }), 'bad-file', /block_count" is 0/],
    ['an absurd size', metadata('llama', { embedding_length: 2 ** 40 }), 'bad-file', /embedding_length/],
    ['heads a layer', metadata('llama', { 'attention.head_count': [4, 2] }), 'bad-file', /array of 2/],
    [
      'heads that do not fit',
      metadata('llama', { 'attention.head_count': 5 }),
      'bad-file',
      /key_length" is 12\.8/,
    ],
    ['no architecture', new Map(), 'bad-file', /does not name its architecture/],
    ['another architecture', metadata('gemma3'), 'unsupported', /"gemma3"/],
    ['one part of several', metadata('llama').set('split.count', 3), 'unsupported', /one of 3 parts/],
  ])('refuses %s', (_, made, code, message) => {
    expect(() => configOf(made)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
