/**
 * jax-js on its wasm backend as an engine: the same model and loss, gradients only, under `jit`. Every use of an array
 * consumes it; `.ref` keeps it for one more use. Arguments: workload folder, threads.
 *
 * The package is installed in bench/ only, so what is used of it is declared here.
 */

import { openCheckpoint } from '../../src/weights/checkpoint.ts';
import { versionOf } from '../versions.ts';
import { stopwatch } from './clock.ts';
import { provideWorkers } from './jax-worker.ts';
import { serve } from './line-engine.ts';
import type { BatchName, StepQuestion } from './protocol.ts';
import { type PlainBatch, readBatches } from './workload.ts';

interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  neg(): JaxArray;
  reshape(shape: number[]): JaxArray;
  transpose(permutation?: number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Tree = { [name: string]: JaxArray };

interface Jax {
  init(device: 'wasm'): Promise<string[]>;
  numpy: {
    array(data: Float32Array | Int32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    take(a: JaxArray, indices: JaxArray, axis: number): JaxArray;
    split(a: JaxArray, parts: number, axis: number): JaxArray[];
    concatenate(arrays: JaxArray[], axis: number): JaxArray;
    square(a: JaxArray): JaxArray;
    sqrt(a: JaxArray): JaxArray;
    reciprocal(a: JaxArray): JaxArray;
    mean(a: JaxArray, axis: number, options: { keepdims: boolean }): JaxArray;
    sum(a: JaxArray, axis?: number): JaxArray;
  };
  nn: {
    silu(a: JaxArray): JaxArray;
    softmax(a: JaxArray, axis: number): JaxArray;
    logSoftmax(a: JaxArray, axis: number): JaxArray;
    oneHot(indices: JaxArray, classes: number): JaxArray;
  };
  jit<F>(f: F): F;
  valueAndGrad(
    f: (parameters: Tree, inputs: Tree) => JaxArray,
  ): (parameters: Tree, inputs: Tree) => [JaxArray, Tree];
  tree: { ref(tree: Tree): Tree };
}

interface Sizes {
  vocabSize: number;
  layers: number;
  heads: number;
  headDim: number;
  epsilon: number;
}

/** The loss of a batch [sequences, rows]; consumes both trees. */
function lossOf(
  { numpy: np, nn }: Jax,
  { vocabSize, layers, heads, headDim, epsilon }: Sizes,
  batch: PlainBatch,
) {
  const { sequences, rows } = batch;
  const norm = (x: JaxArray, weight: JaxArray) => {
    const meanSquare = np.mean(np.square(x.ref), -1, { keepdims: true });
    return x.mul(np.reciprocal(np.sqrt(meanSquare.add(epsilon)))).mul(weight);
  };
  const linear = (x: JaxArray, weight: JaxArray) => np.matmul(x, weight.transpose());
  const split = (x: JaxArray) => x.reshape([sequences, rows, heads, headDim]);
  const turned = (x: JaxArray, cos: JaxArray, sin: JaxArray) => {
    const [a, b] = np.split(split(x), 2, -1);
    const parts = [a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref)), b.mul(cos).add(a.mul(sin))];
    return np.concatenate(parts, -1).transpose([0, 2, 1, 3]);
  };
  return (p: Tree, { ids, targets, weights, bias, cos, sin }: Tree): JaxArray => {
    const embedding = p['model.embed_tokens.weight'];
    let x = np.take(embedding.ref, ids, 0);
    for (let layer = 0; layer < layers; layer++) {
      const weight = (name: string) => p[`model.layers.${layer}.${name}.weight`];
      const normed = norm(x.ref, weight('input_layernorm'));
      const q = turned(linear(normed.ref, weight('self_attn.q_proj')), cos.ref, sin.ref);
      const k = turned(linear(normed.ref, weight('self_attn.k_proj')), cos.ref, sin.ref);
      const v = split(linear(normed, weight('self_attn.v_proj'))).transpose([0, 2, 1, 3]);
      const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(headDim));
      const mixed = np.matmul(nn.softmax(scores.add(bias.ref), -1), v);
      const joined = mixed.transpose([0, 2, 1, 3]).reshape([sequences * rows, heads * headDim]);
      x = x.add(linear(joined, weight('self_attn.o_proj')));
      const inner = norm(x.ref, weight('post_attention_layernorm'));
      const gate = nn.silu(linear(inner.ref, weight('mlp.gate_proj')));
      x = x.add(linear(gate.mul(linear(inner, weight('mlp.up_proj'))), weight('mlp.down_proj')));
    }
    for (const table of [bias, cos, sin]) table.dispose();
    const logits = linear(norm(x, p['model.norm.weight']), embedding);
    // Not takeAlongAxis: its gradient, a scatter, fails under `jit` in this version.
    const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, vocabSize));
    return np.sum(np.sum(chosen, -1).mul(weights)).neg();
  };
}

const [folder, threadsText] = process.argv.slice(2);
const threads = Number(threadsText);

await serve<StepQuestion>(async () => {
  if (threads > 1) provideWorkers(threads);
  const name = '@jax-js/jax';
  const jax = (await import(name)) as Jax;
  const { init, numpy: np, jit, valueAndGrad, tree } = jax;
  await init('wasm');
  const checkpoint = await openCheckpoint(folder);
  const { config } = checkpoint;
  const heads = Number(config.num_attention_heads);
  const headDim = Number(config.hidden_size) / heads;
  const parameters: Tree = {};
  for (const [name, { shape }] of checkpoint.tensors)
    parameters[name] = np.array(await checkpoint.read(name)).reshape(shape);
  await checkpoint.close();

  const inputsOf = ({ rows, ids, targets, weights }: PlainBatch): Tree => {
    const half = headDim / 2;
    const angles = Float32Array.from(
      { length: rows * half },
      (_, i) => Math.floor(i / half) / Number(config.rope_theta) ** ((i % half) / half),
    );
    const table = (f: (angle: number) => number) => np.array(angles.map(f)).reshape([1, rows, 1, half]);
    const bias = Float32Array.from({ length: rows * rows }, (_, i) => (i % rows > i / rows ? -1e9 : 0));
    return {
      ids: np.array(Int32Array.from(ids)),
      targets: np.array(Int32Array.from(targets)),
      weights: np.array(Float32Array.from(weights)),
      bias: np.array(bias).reshape([1, 1, rows, rows]),
      cos: table(Math.cos),
      sin: table(Math.sin),
    };
  };
  const sizes: Sizes = {
    vocabSize: Number(config.vocab_size),
    layers: Number(config.num_hidden_layers),
    heads,
    headDim,
    epsilon: Number(config.rms_norm_eps),
  };
  const prepare = (batches: PlainBatch[]) =>
    batches.map((batch) => ({
      inputs: inputsOf(batch),
      run: jit(valueAndGrad(lossOf(jax, sizes, batch))),
    }));
  const batches = await readBatches(folder);
  const prepared: Record<BatchName, ReturnType<typeof prepare>> = {
    step: prepare(batches.step),
    small: prepare(batches.small),
  };
  return {
    ready: { versions: { [name]: await versionOf(`./node_modules/${name}/package.json`) } },
    answer: async ({ work, batches: which, clock }) => {
      if (work !== 'gradients') throw new Error('jax-js is asked for gradients only');
      const elapsed = stopwatch(clock);
      let total = 0;
      for (const { inputs, run } of prepared[which]) {
        const [loss, gradients] = run(tree.ref(parameters), tree.ref(inputs));
        // Dispatch is asynchronous: the step is over when every gradient can be read.
        const [[value]] = await Promise.all([loss.data(), ...Object.values(gradients).map((g) => g.data())]);
        total += value;
      }
      return { ms: elapsed(), loss: total };
    },
  };
});
