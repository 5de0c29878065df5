/**
 * A Llama checkpoint's weights as the program wants them: checked against the config, q/k/v and gate/up joined so
 * that they share one product, and, for quantized programs, rotated (rotation.ts):
 *   residual stream x → x Q     embedding, q/k/v, gate/up, output, down; norm weights move into the next matrix
 *   each head's value v → v Qₕ  value rows, output columns
 *   feed-forward blocks h → h Qᵦ down columns; the program multiplies h by Qᵦ, since the gate is not linear
 */

import { QuickstepError } from '../errors.ts';
import type { LlamaConfig } from './config.ts';
import { Rotation } from './rotation.ts';

/** Where weights come from: float32 tensors by Hugging Face name. */
export interface WeightSource {
  read(name: string): Promise<Float32Array>;
}

export interface LayerWeights {
  /** RMS norm before attention [hidden]. */
  inputNorm: Float32Array;
  /** [(heads + 2 kvHeads) · headDim, hidden] */
  qkv: Float32Array;
  qkvBias?: Float32Array;
  /** RMS norms of each query and key head [headDim]. */
  queryNorm?: Float32Array;
  keyNorm?: Float32Array;
  /** [hidden, heads · headDim] */
  output: Float32Array;
  /** RMS norm before the feed-forward layer [hidden]. */
  postNorm: Float32Array;
  /** [experts, hidden] */
  router?: Float32Array;
  /** [2 · width, hidden], the gates of all experts before their ups; `width` is `feedForwardWidth`. */
  gateUp: Float32Array;
  /** [hidden, width] */
  down: Float32Array;
  /** What values usually stay below; see `roundValues`. */
  valueRange: number;
}

/** The three changes of basis of a quantized program. */
export interface Rotations {
  residual: Rotation;
  head: Rotation;
  feedForward: Rotation;
}

/** Wide enough to spread an outlier eightfold, cheap enough to multiply by in every layer. */
const feedForwardBlock = 64;

export function rotationsFor(config: LlamaConfig): Rotations {
  const { hiddenSize, headDim, intermediateSize } = config;
  let block = Math.min(feedForwardBlock, intermediateSize & -intermediateSize);
  if (block < 8) block = intermediateSize;
  return {
    residual: new Rotation(hiddenSize),
    head: new Rotation(headDim),
    feedForward: new Rotation(block),
  };
}

/** Width of the feed-forward activations: all experts side by side. */
export function feedForwardWidth({ intermediateSize, experts }: LlamaConfig): number {
  return intermediateSize * (experts?.count ?? 1);
}

function concatenate(...parts: Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Matrices [rows, inner] side by side, [rows, parts · inner]. */
function joinColumns(parts: readonly Float32Array[], rows: number): Float32Array {
  if (parts.length === 1) return parts[0];
  const inner = parts[0].length / rows;
  const out = new Float32Array(parts.length * parts[0].length);
  parts.forEach((part, index) => {
    for (let row = 0; row < rows; row++) {
      out.set(part.subarray(row * inner, (row + 1) * inner), (row * parts.length + index) * inner);
    }
  });
  return out;
}

/**
 * A normed row x has ‖x / γ‖ = √d, so |w·x| ≤ √d ‖w ∘ γ‖ (Cauchy-Schwarz). Real values stay far below: a quarter
 * of the largest bound covers them.
 */
function valueRange(weight: Float32Array, norm: Float32Array, bias: Float32Array): number {
  const d = norm.length;
  let largest = 0;
  for (let row = 0; row * d < weight.length; row++) {
    let squares = 0;
    for (let i = 0; i < d; i++) squares += (weight[row * d + i] * norm[i]) ** 2;
    largest = Math.max(largest, Math.sqrt(d * squares) / 4 + Math.abs(bias[row] ?? 0));
  }
  return Math.max(largest, 1e-6);
}

/** Reads one checkpoint's weights; `rotations` undefined leaves them as they are. */
export class LlamaWeights {
  readonly #config: LlamaConfig;
  readonly #source: WeightSource;
  readonly rotations: Rotations | undefined;

  constructor(config: LlamaConfig, source: WeightSource, rotate: boolean) {
    this.#config = config;
    this.#source = source;
    this.rotations = rotate ? rotationsFor(config) : undefined;
  }

  /** @throws QuickstepError 'bad-file' when the tensor does not have the size the config makes it. */
  async #read(name: string, ...shape: number[]): Promise<Float32Array> {
    const data = await this.#source.read(name);
    if (data.length === shape.reduce((a, b) => a * b, 1)) return data;
    throw new QuickstepError(
      'bad-file',
      `${name} has ${data.length} elements, config.json makes it [${shape.join(', ')}].`,
      'Fetch the checkpoint again.',
    );
  }

  /** Token embeddings [vocab, hidden]. */
  async embedding(): Promise<Float32Array> {
    const { vocabSize, hiddenSize } = this.#config;
    const table = await this.#read('model.embed_tokens.weight', vocabSize, hiddenSize);
    return this.rotations?.residual.input(table) ?? table;
  }

  /** The last norm's weight [hidden], which a rotated program applies by itself. */
  finalNorm(): Promise<Float32Array> {
    return this.#read('model.norm.weight', this.#config.hiddenSize);
  }

  /** Output head [vocab, hidden] of a checkpoint that does not tie it; a rotated one includes the final norm. */
  async head(finalNorm: Float32Array): Promise<Float32Array> {
    const { vocabSize, hiddenSize } = this.#config;
    const weight = await this.#read('lm_head.weight', vocabSize, hiddenSize);
    return this.rotations?.residual.input(weight, finalNorm) ?? weight;
  }

  async layer(index: number): Promise<LayerWeights> {
    const weights = await this.#readLayer(index);
    if (this.rotations) rotateLayer(weights, this.#config, this.rotations);
    return weights;
  }

  async #readLayer(index: number): Promise<LayerWeights> {
    const { hiddenSize: d, heads, kvHeads, headDim, qkvBias, qkNorm } = this.#config;
    const [q, kv] = [heads * headDim, kvHeads * headDim];
    const read = (name: string, ...shape: number[]) =>
      this.#read(`model.layers.${index}.${name}.weight`, ...shape);
    const readBias = (name: string, size: number) => this.#read(`model.layers.${index}.${name}.bias`, size);
    const inputNorm = await read('input_layernorm', d);
    const value = await read('self_attn.v_proj', kv, d);
    const bias = qkvBias
      ? concatenate(
          await readBias('self_attn.q_proj', q),
          await readBias('self_attn.k_proj', kv),
          await readBias('self_attn.v_proj', kv),
        )
      : undefined;
    return {
      inputNorm,
      qkv: concatenate(await read('self_attn.q_proj', q, d), await read('self_attn.k_proj', kv, d), value),
      qkvBias: bias,
      queryNorm: qkNorm ? await read('self_attn.q_norm', headDim) : undefined,
      keyNorm: qkNorm ? await read('self_attn.k_norm', headDim) : undefined,
      output: await read('self_attn.o_proj', d, q),
      postNorm: await read('post_attention_layernorm', d),
      ...(await this.#readFeedForward(read)),
      valueRange: valueRange(value, inputNorm, bias?.subarray(q + kv) ?? new Float32Array()),
    };
  }

  async #readFeedForward(
    read: (name: string, ...shape: number[]) => Promise<Float32Array>,
  ): Promise<Pick<LayerWeights, 'router' | 'gateUp' | 'down'>> {
    const { hiddenSize: d, intermediateSize: ffn, experts } = this.#config;
    const names = experts
      ? Array.from({ length: experts.count }, (_, index) => `mlp.experts.${index}`)
      : ['mlp'];
    const all = async (part: string, ...shape: number[]) => {
      const parts: Float32Array[] = [];
      for (const name of names) parts.push(await read(`${name}.${part}_proj`, ...shape));
      return parts;
    };
    return {
      router: experts && (await read('mlp.gate', experts.count, d)),
      gateUp: concatenate(...(await all('gate', ffn, d)), ...(await all('up', ffn, d))),
      down: joinColumns(await all('down', d, ffn), d),
    };
  }
}

/** Moves a layer's weights into the rotated bases, in place; its norms become all ones. */
function rotateLayer(w: LayerWeights, config: LlamaConfig, { residual, head, feedForward }: Rotations): void {
  const { hiddenSize: d, heads, kvHeads, headDim } = config;
  residual.input(w.qkv, w.inputNorm);
  residual.input(w.gateUp, w.postNorm);
  if (w.router) residual.input(w.router, w.postNorm);
  w.inputNorm.fill(1);
  w.postNorm.fill(1);
  for (let kv = 0; kv < kvHeads; kv++) {
    const first = (heads + kvHeads + kv) * headDim;
    head.output(w.qkv.subarray(first * d, (first + headDim) * d));
    if (w.qkvBias) head.input(w.qkvBias.subarray(first, first + headDim));
  }
  residual.output(head.input(w.output));
  residual.output(feedForward.input(w.down));
  const values = w.qkv.subarray((heads + kvHeads) * headDim * d);
  const bias = w.qkvBias?.subarray((heads + kvHeads) * headDim);
  w.valueRange = valueRange(values, w.inputNorm, bias ?? new Float32Array());
}
