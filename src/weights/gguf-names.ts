/**
 * From llama.cpp's tensor names to Hugging Face's, for the Llama family, and the row order of its query and key
 * projections: the converters of arch "llama" and "llada" interleave the two rotary halves of each head, which is
 * undone here. Source of names and permutation: convert_hf_to_gguf.py of llama.cpp.
 */

/** GGUF architectures whose tensors and configuration are understood. */
export const ggufArchitectures: readonly string[] = [
  'llama',
  'mistral',
  'qwen2',
  'qwen3',
  'llada',
  'llada-moe',
  'dream',
];

const outer = new Map([
  ['token_embd', 'model.embed_tokens'],
  ['output_norm', 'model.norm'],
  ['output', 'lm_head'],
]);

const inLayer = new Map([
  ['attn_norm', 'input_layernorm'],
  ['attn_q', 'self_attn.q_proj'],
  ['attn_k', 'self_attn.k_proj'],
  ['attn_v', 'self_attn.v_proj'],
  ['attn_output', 'self_attn.o_proj'],
  ['attn_q_norm', 'self_attn.q_norm'],
  ['attn_k_norm', 'self_attn.k_norm'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['ffn_gate', 'mlp.gate_proj'],
  ['ffn_up', 'mlp.up_proj'],
  ['ffn_down', 'mlp.down_proj'],
  ['ffn_gate_inp', 'mlp.gate'],
]);

/** The parts of experts, which GGUF stacks into one tensor a layer. */
const stacked = new Map([
  ['ffn_gate_exps', 'gate_proj'],
  ['ffn_up_exps', 'up_proj'],
  ['ffn_down_exps', 'down_proj'],
]);

/** Hugging Face name of a GGUF tensor; a name without a counterpart (`rope_freqs.weight`) stays as it is. */
export function huggingfaceName(name: string): string {
  const match = /^(?:blk\.(\d+)\.)?([a-z_]+)\.(weight|bias)$/.exec(name);
  if (!match) return name;
  const [, layer, part, suffix] = match;
  const mapped = layer === undefined ? outer.get(part) : inLayer.get(part);
  if (mapped === undefined) return name;
  return layer === undefined ? `${mapped}.${suffix}` : `model.layers.${layer}.${mapped}.${suffix}`;
}

/** Names of the matrices in a stack of `count` experts; undefined for any other tensor. */
export function expertNames(name: string, count: number): string[] | undefined {
  const [, layer, part = ''] = /^blk\.(\d+)\.([a-z_]+)\.weight$/.exec(name) ?? [];
  const mapped = stacked.get(part);
  if (mapped === undefined) return undefined;
  return Array.from(
    { length: count },
    (_, expert) => `model.layers.${layer}.mlp.experts.${expert}.${mapped}.weight`,
  );
}

/** Heads whose rotary halves are interleaved in this tensor's rows; 0 when its rows are in order. */
export function interleavedHeads(
  architecture: string,
  name: string,
  heads: { query: number; keyValue: number },
): number {
  if (architecture !== 'llama' && architecture !== 'llada') return 0;
  if (/^blk\.\d+\.attn_q\.(weight|bias)$/.test(name)) return heads.query;
  if (/^blk\.\d+\.attn_k\.(weight|bias)$/.test(name)) return heads.keyValue;
  return 0;
}

/**
 * Rows of each head from interleaved `(0, half), (1, half + 1), ...` back to `0, 1, ..., half, half + 1, ...`.
 * `values` is `[rows, width]`; `rows` must be a multiple of `2 * heads`.
 */
export function deinterleaveHeads(values: Float32Array, rows: number, heads: number): Float32Array {
  const width = values.length / rows;
  const half = rows / heads / 2;
  const out = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < 2 * half; i++) {
      const from = head * 2 * half + (i < half ? 2 * i : 2 * (i - half) + 1);
      out.set(values.subarray(from * width, (from + 1) * width), (head * 2 * half + i) * width);
    }
  }
  return out;
}
