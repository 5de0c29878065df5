/**
 * Where the time of one forward goes: runs a model's program under ONNX Runtime's profiler and sums kernel times by
 * operator. Profiling costs a few microseconds a node, so read it for shares, not for speed.
 *
 *   npx tsx tools/profile.ts <model id or path> [rows] [slots] [lanes]
 */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { compile } from '../src/graph/onnx/compile.ts';
import { parseLlamaConfig } from '../src/models/config.ts';
import { buildLlama } from '../src/models/llama.ts';
import { openCheckpoint } from '../src/weights/checkpoint.ts';
import { pull } from '../src/weights/pull.ts';

const [id = 'smollm2', ...sizes] = process.argv.slice(2);
const [rows = 1, slots = 64, lanes = 1] = sizes.map(Number);
const repeats = 10;

const checkpoint = await openCheckpoint(await pull(id));
const config = parseLlamaConfig(checkpoint.config);
const { model, externalData } = compile(await buildLlama(config, checkpoint, { precision: 'w8a8' }));
await checkpoint.close();

const folder = await mkdtemp(join(tmpdir(), 'quickstep-profile-'));
const session = await ort.InferenceSession.create(model, {
  externalData,
  enableProfiling: true,
  profileFilePrefix: join(folder, 'run'),
  graphOptimizationLevel: 'extended',
  extra: { session: { x64quantprecision: '1' } },
  logSeverityLevel: 3,
});

const total = lanes * rows;
const fill = (length: number, value: (i: number) => number) =>
  Int32Array.from({ length }, (_, i) => value(i));
const past = () =>
  new ort.Tensor('float32', new Float32Array(lanes * config.kvHeads * slots * config.headDim).fill(0.01), [
    lanes,
    config.kvHeads,
    slots,
    config.headDim,
  ]);
const bias = new Float32Array(total * (slots + rows)).map((_, i) => {
  const [row, key] = [Math.floor(i / (slots + rows)) % rows, (i % (slots + rows)) - slots];
  return key <= row ? 0 : -1e9;
});
const feeds: Record<string, ort.Tensor> = {
  ids: new ort.Tensor(
    'int32',
    fill(total, (i) => (i * 37) % config.vocabSize),
    [lanes, rows, 1],
  ),
  weights: new ort.Tensor('float32', new Float32Array(total).fill(1), [lanes, rows, 1, 1]),
  positions: new ort.Tensor(
    'int32',
    fill(total, (i) => slots + (i % rows)),
    [lanes, rows],
  ),
  bias: new ort.Tensor('float32', bias, [lanes, 1, rows, slots + rows]),
  headRows: new ort.Tensor(
    'int32',
    fill(total, (i) => i),
    [total],
  ),
};
for (let layer = 0; layer < config.layers; layer++) {
  feeds[`pastKey.${layer}`] = past();
  feeds[`pastValue.${layer}`] = past();
}
const outputs = session.outputNames.filter((name) => name !== 'logits');
for (let i = 0; i < repeats; i++) await session.run(feeds, outputs);
session.endProfiling();

interface TraceEvent {
  cat: string;
  name: string;
  dur: number;
  args: { op_name: string };
}
const [file] = await readdir(folder);
const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as TraceEvent[];
await rm(folder, { recursive: true });
const byOperator = new Map<string, { micros: number; nodes: number }>();
for (const { cat, name, dur, args } of events) {
  if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
  const sum = byOperator.get(args.op_name) ?? { micros: 0, nodes: 0 };
  byOperator.set(args.op_name, { micros: sum.micros + dur, nodes: sum.nodes + 1 });
}
const all = [...byOperator.values()].reduce((sum, { micros }) => sum + micros, 0);
console.log(
  `${lanes} x ${rows} rows over ${slots} slots: ${(all / repeats / 1000).toFixed(1)} ms in kernels`,
);
for (const [operator, { micros, nodes }] of [...byOperator].sort((a, b) => b[1].micros - a[1].micros)) {
  const share = ((100 * micros) / all).toFixed(1).padStart(5);
  console.log(`${share}%  ${operator.padEnd(30)} ${nodes / repeats} nodes`);
}
