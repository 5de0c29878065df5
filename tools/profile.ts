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
import { saturates } from '../src/graph/saturation.ts';
import type { Runtime } from '../src/graph/session.ts';
import { compiledModel, forwardFeeds } from './forward-feeds.ts';

const [id = 'smollm2', ...sizes] = process.argv.slice(2);
const [rows = 1, slots = 64, lanes = 1] = sizes.map(Number);
const repeats = 10;

const { config, model, externalData } = await compiledModel(id);
const folder = await mkdtemp(join(tmpdir(), 'quickstep-profile-'));
const session = await ort.InferenceSession.create(model, {
  externalData,
  enableProfiling: true,
  profileFilePrefix: join(folder, 'run'),
  graphOptimizationLevel: 'extended',
  extra: { session: { x64quantprecision: (await saturates(ort as Runtime)) ? '1' : '0' } },
  logSeverityLevel: 3,
});

const feeds = forwardFeeds(config, { lanes, rows, slots });
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
