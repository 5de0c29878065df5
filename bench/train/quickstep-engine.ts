/** Quickstep as an engine: the recipe's own objective and optimizers. Arguments: workload folder, threads. */

import { join } from 'node:path';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float32, Program, tensor } from '../../src/graph/index.ts';
import { parseLlamaConfig } from '../../src/models/config.ts';
import { llamaWeightShapes } from '../../src/models/llama-training.ts';
import { accumulate, gradientNorm } from '../../src/train/gradients.ts';
import { AdamW } from '../../src/train/optimizers/adamw.ts';
import { Muon } from '../../src/train/optimizers/muon.ts';
import type { Optimizer } from '../../src/train/optimizers/optimizer.ts';
import type { Parameter } from '../../src/train/parameters.ts';
import { type Batch, TrainingProgram } from '../../src/train/program.ts';
import { sequenceObjective } from '../../src/train/sequence-model.ts';
import { openCheckpoint } from '../../src/weights/checkpoint.ts';
import { versionOf } from '../versions.ts';
import { type Clock, stopwatch } from './clock.ts';
import { modelProducts, type Product, productOperations } from './flops.ts';
import { serve, settle } from './line-engine.ts';
import { optimizerSettings, type ProductsQuestion, type StepQuestion, type Work } from './protocol.ts';
import { type PlainBatch, readBatches, readModelShape } from './workload.ts';

const [folder, threadsText] = process.argv.slice(2);
const threads = Number(threadsText);

function toBatch({ sequences, rows, ids, targets, weights }: PlainBatch): Batch {
  const count = sequences * rows;
  const bias = Float32Array.from({ length: rows * rows }, (_, i) => (i % rows > i / rows ? -1e9 : 0));
  const positions = Int32Array.from({ length: count }, (_, i) => i % rows);
  return {
    ids: tensor('int32', [sequences, rows], Int32Array.from(ids)),
    positions: tensor('int32', [sequences, rows], positions),
    bias: float32([1, 1, rows, rows], bias),
    targets: tensor('int32', [count], Int32Array.from(targets)),
    weights: float32([count], weights),
  };
}

/** Weights and an optimizer of their own for each kind of work, so that losses can be compared with a peer's. */
interface Trained {
  parameters: Map<string, Parameter>;
  optimizer: Optimizer | undefined;
  step: number;
}

async function prepareTrained(path: string, names: readonly string[]): Promise<Record<Work, Trained>> {
  const checkpoint = await openCheckpoint(path);
  const read = async () => {
    const parameters = new Map<string, Parameter>();
    for (const name of names)
      parameters.set(name, float32(checkpoint.tensors.get(name)!.shape, await checkpoint.read(name)));
    return parameters;
  };
  try {
    const [gradients, adamw, muon] = [await read(), await read(), await read()];
    return {
      gradients: { parameters: gradients, optimizer: undefined, step: 0 },
      adamw: { parameters: adamw, optimizer: new AdamW(adamw, names, optimizerSettings), step: 0 },
      muon: {
        parameters: muon,
        optimizer: await Muon.create(muon, names, optimizerSettings, { threads }),
        step: 0,
      },
    };
  } finally {
    await checkpoint.close();
  }
}

/** Operations per second of one product, the best of a few runs; only one number leaves the program. */
async function productRate(product: Product, repeats: number): Promise<(clock: Clock) => Promise<number>> {
  const { m, k, n, transposed } = product;
  const [aShape, bShape] = [transposed === 'a' ? [k, m] : [m, k], transposed === 'b' ? [n, k] : [k, n]];
  const b = new GraphBuilder();
  const y = b.matmul(b.input('a', 'float32', aShape), b.input('b', 'float32', bShape), {
    transposeA: transposed === 'a',
    transposeB: transposed === 'b',
  });
  b.output('corner', b.slice(b.slice(y, 0, 0, 1), 1, 0, 1));
  const program = await Program.load(b.build(), { threads });
  const filled = (shape: number[]) => float32(shape, new Float32Array(shape[0] * shape[1]).fill(0.5));
  const inputs = { a: filled(aShape), b: filled(bShape) };
  return async (clock) => {
    let best = Infinity;
    for (let i = 0; i < repeats; i++) {
      const elapsed = stopwatch(clock);
      await program.run(inputs);
      best = Math.min(best, elapsed());
    }
    return (1000 * productOperations(product)) / best;
  };
}

await serve<StepQuestion | ProductsQuestion>(async () => {
  const path = join(folder, 'model.safetensors');
  const batches = await readBatches(folder);
  const ready = { step: batches.step.map(toBatch), small: batches.small.map(toBatch) };
  const checkpoint = await openCheckpoint(folder);
  const config = parseLlamaConfig(checkpoint.config);
  await checkpoint.close();
  const shapes = llamaWeightShapes(config);
  const program = await TrainingProgram.load(shapes, sequenceObjective(config), undefined, { threads });
  const trained = await prepareTrained(path, program.trained);
  const square = await productRate({ label: '', m: 2048, k: 2048, n: 2048, transposed: 'none' }, 3);
  const [{ sequences, rows }] = batches.step;
  const products = await Promise.all(
    modelProducts(await readModelShape(folder), sequences * rows).map((product) => productRate(product, 3)),
  );

  const step = async ({ work, batches: name, clock }: StepQuestion) => {
    const state = trained[work];
    const elapsed = stopwatch(clock);
    const [first, ...rest] = ready[name];
    const sum = await program.run(state.parameters, first);
    for (const batch of rest) {
      const { loss, gradients } = await program.run(state.parameters, batch);
      sum.loss += loss;
      accumulate(sum.gradients, gradients);
    }
    if (state.optimizer) {
      const { clip, learningRate } = optimizerSettings;
      await state.optimizer.update({
        parameters: state.parameters,
        gradients: sum.gradients,
        step: ++state.step,
        learningRate,
        scale: Math.min(1, clip / gradientNorm(sum.gradients)),
      });
    }
    return { ms: elapsed(), loss: sum.loss };
  };
  const rates = async ({ clock }: ProductsQuestion) => {
    const list: number[] = [];
    for (const rate of products) {
      await settle();
      list.push(await rate(clock));
    }
    await settle();
    return { square: await square(clock), products: list };
  };
  return {
    ready: {
      versions: { 'onnxruntime-node': await versionOf('../node_modules/onnxruntime-node/package.json') },
    },
    answer: (question) => (question.kind === 'step' ? step(question) : rates(question)),
  };
});
