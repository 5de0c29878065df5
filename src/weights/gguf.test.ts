import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixture, golden, sha256, temporaryFolder } from '../../test/golden/weights/golden.ts';
import { openCheckpoint } from './checkpoint.ts';
import type { GgufMetadata } from './gguf-metadata.ts';
import { deinterleaveHeads, expertNames, huggingfaceName, interleavedHeads } from './gguf-names.ts';

const expected = golden<Record<string, { dtype: string; shape: number[]; sha256: string }>>('tiny-gguf');

/** Changes the bytes in place, or returns others. */
type Edit = (bytes: Buffer) => Buffer | undefined;

/** The tiny file with bytes changed by `edit`, in a temporary folder. */
async function edited(edit: Edit): Promise<string> {
  const bytes = await readFile(fixture('tiny.gguf'));
  const path = join(await temporaryFolder(), 'edited.gguf');
  await writeFile(path, edit(bytes) ?? bytes);
  return path;
}

describe('openGguf', () => {
  it('reads every tensor of a file of the gguf package, with Hugging Face names and row order', async () => {
    const checkpoint = await openCheckpoint(fixture('tiny.gguf'));
    try {
      expect([...checkpoint.tensors.keys()].sort()).toEqual(
        [...Object.keys(expected), 'rope_freqs.weight'].sort(),
      );
      for (const [name, { dtype, shape, sha256: digest }] of Object.entries(expected)) {
        expect(checkpoint.tensors.get(name)).toMatchObject({ name, dtype, shape });
        expect(sha256(await checkpoint.read(name)), name).toBe(digest);
      }
    } finally {
      await checkpoint.close();
    }
  });

  it('reads version 2 alike', async () => {
    const path = await edited((bytes) => void bytes.writeUInt32LE(2, 4));
    const checkpoint = await openCheckpoint(path);
    const name = 'model.layers.0.mlp.down_proj.weight';
    expect(sha256(await checkpoint.read(name))).toBe(expected[name].sha256);
    await checkpoint.close();
  });

  it('synthesises the Hugging Face configuration', async () => {
    const checkpoint = await openCheckpoint(fixture('tiny.gguf'));
    await checkpoint.close();
    expect(checkpoint.format).toBe('gguf');
    expect(checkpoint.config).toEqual({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 32,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 16,
      intermediate_size: 256,
      hidden_act: 'silu',
      rms_norm_eps: Math.fround(1e-5),
      rope_theta: 500000,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      },
      vocab_size: 16,
      max_position_embeddings: 128,
      tie_word_embeddings: true,
      attention_bias: true,
      sliding_window: null,
      eos_token_id: [2, 3],
      bos_token_id: 1,
    });
  });

  it('reads metadata of every type', async () => {
    const checkpoint = await openCheckpoint(fixture('tiny.gguf'));
    await checkpoint.close();
    expect(checkpoint.tokenizer?.format).toBe('gguf');
    const { metadata } = checkpoint.tokenizer as { metadata: GgufMetadata };
    const own = [...metadata].filter(([key]) => key.startsWith('test.'));
    expect(Object.fromEntries(own)).toEqual({
      'test.u8': 200,
      'test.i8': -100,
      'test.u16': 60000,
      'test.i16': -30000,
      'test.u64': 2n ** 63n + 1n,
      'test.i64': -(2 ** 40),
      'test.f64': 0.1,
      'test.yes': true,
      'test.scores': [0.5, -1.25],
      'test.nested': [[1, 2], [3]],
    });
    expect((metadata.get('tokenizer.ggml.tokens') as string[]).at(-1)).toBe('Ġé😀');
  });

  it('gives the factors themselves when they are not the published Llama 3 ones', async () => {
    const path = await edited((bytes) => void bytes.writeFloatLE(9, bytes.length - 32));
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    expect(checkpoint.config.rope_scaling).toMatchObject({ rope_type: 'factors' });
    expect((checkpoint.config.rope_scaling as { factors: number[] }).factors).toContain(9);
  });

  it.each<[name: string, code: string, edit: Edit, message: RegExp]>([
    ['version 1', 'unsupported', (bytes) => void bytes.writeUInt32LE(1, 4), /GGUF version 1/],
    ['big endian', 'unsupported', (bytes) => void bytes.writeUInt32BE(3, 4), /big-endian/],
    ['another magic', 'bad-file', (bytes) => void bytes.write('GGML', 0), /start with "GGUF"/],
    ['truncated data', 'bad-file', (bytes) => bytes.subarray(0, -32), /the file has/],
    ['truncated metadata', 'bad-file', (bytes) => bytes.subarray(0, 300), /ends inside/],
    ['another architecture', 'unsupported', renamed('llama', 'clip!'), /architecture "clip!"/],
    ['a type not read', 'unsupported', retyped(8, 10), /"token_embd\.weight".*Q2_K/],
    ['a type unknown', 'bad-file', retyped(8, 77), /unknown type 77/],
  ])('refuses %s', async (_, code, edit, message) => {
    await expect(openCheckpoint(await edited(edit))).rejects.toMatchObject({
      name: 'QuickstepError',
      code,
      message: expect.stringMatching(message),
    });
  });

  it('refuses unknown tensors and reads after close', async () => {
    const checkpoint = await openCheckpoint(fixture('tiny.gguf'));
    await expect(checkpoint.read('missing')).rejects.toMatchObject({ code: 'not-found' });
    await checkpoint.close();
    await checkpoint.close();
    await expect(checkpoint.read('model.norm.weight')).rejects.toMatchObject({ code: 'disposed' });
  });
});

/** Changes the value of general.architecture, which follows its length. */
function renamed(from: string, to: string): Edit {
  return (bytes) => void bytes.write(to, bytes.indexOf(from, bytes.indexOf('general.architecture') + 20));
}

/** Changes the type number of token_embd.weight: name, rank 2, two dimensions, type. */
function retyped(from: number, to: number): Edit {
  return (bytes) => {
    const at = bytes.indexOf('token_embd.weight') + 'token_embd.weight'.length + 4 + 16;
    expect(bytes.readUInt32LE(at)).toBe(from);
    bytes.writeUInt32LE(to, at);
    return undefined;
  };
}

describe('tensor names', () => {
  it('maps the Llama family and leaves the rest', () => {
    expect(huggingfaceName('blk.12.attn_q_norm.weight')).toBe('model.layers.12.self_attn.q_norm.weight');
    expect(huggingfaceName('blk.0.attn_v.bias')).toBe('model.layers.0.self_attn.v_proj.bias');
    expect(huggingfaceName('output.weight')).toBe('lm_head.weight');
    expect(huggingfaceName('rope_freqs.weight')).toBe('rope_freqs.weight');
    expect(huggingfaceName('blk.0.token_embd.weight')).toBe('blk.0.token_embd.weight');
  });
});

describe('tensors of masked diffusion models', () => {
  it('names each expert of a stack', () => {
    expect(expertNames('blk.3.ffn_up_exps.weight', 2)).toEqual([
      'model.layers.3.mlp.experts.0.up_proj.weight',
      'model.layers.3.mlp.experts.1.up_proj.weight',
    ]);
    expect(expertNames('blk.3.ffn_up.weight', 2)).toBeUndefined();
    expect(huggingfaceName('blk.3.ffn_gate_inp.weight')).toBe('model.layers.3.mlp.gate.weight');
  });

  it('knows which converters interleave', () => {
    const heads = { query: 4, keyValue: 2 };
    expect(interleavedHeads('llada', 'blk.0.attn_k.weight', heads)).toBe(2);
    expect(interleavedHeads('llada-moe', 'blk.0.attn_q.weight', heads)).toBe(0);
    expect(interleavedHeads('Dream', 'blk.0.attn_q.bias', heads)).toBe(0);
  });

  it('refuses a stack that is a matrix', async () => {
    const [matrix, stack] = ['blk.0.attn_output.weight', 'blk.0.ffn_up_exps.weight'];
    const path = await edited((bytes) => void bytes.write(stack, bytes.indexOf(matrix)));
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining(`"${stack}" is no stack`),
    });
  });
});

describe('deinterleaveHeads', () => {
  it('undoes the interleaving of every number of heads, head size and width', () => {
    const sizes = fc.tuple(fc.nat(3), fc.nat(4), fc.nat(3)).map((sizes) => sizes.map((size) => size + 1));
    fc.assert(
      fc.property(sizes, ([heads, half, width]) => {
        const rows = heads * half * 2;
        const original = Float32Array.from({ length: rows * width }, (_, i) => i);
        const interleaved = new Float32Array(original.length);
        for (let row = 0; row < rows; row++) {
          const inHead = row % (2 * half);
          const target = row - inHead + (inHead % half) * 2 + Math.floor(inHead / half);
          interleaved.set(original.subarray(row * width, (row + 1) * width), target * width);
        }
        expect(deinterleaveHeads(interleaved, rows, heads)).toEqual(original);
      }),
    );
  });
});
