/**
 * Times a forward by its rows with ONNX Runtime's uint8 x int8 kernel, which needs VNNI or AMX to be exact, and with its
 * uint8 x uint8 kernel, which is exact everywhere; in turn, the best of many, on one thread.
 *
 *   npx tsx tools/integer-kernels.ts [model id or path] [slots]
 */

import * as ort from 'onnxruntime-node';
import { saturates } from '../src/graph/saturation.ts';
import { compiledModel, forwardFeeds } from './forward-feeds.ts';

const [id = 'smollm2', slots = '256'] = process.argv.slice(2);
const repeats = 20;

const { config, model, externalData } = await compiledModel(id);
const sessions = await Promise.all(
  ['0', '1'].map((mode) =>
    ort.InferenceSession.create(model, {
      externalData,
      intraOpNumThreads: 1,
      graphOptimizationLevel: 'extended',
      extra: { session: { x64quantprecision: mode } },
      logSeverityLevel: 3,
    }),
  ),
);
console.log(`The uint8 x int8 kernel ${(await saturates(ort)) ? 'saturates' : 'is exact'} here.`);
console.log('rows  uint8 x int8  uint8 x uint8');
const first: number[] = [];
for (const rows of [1, 2, 4, 8, 16, 32, 64]) {
  const feeds = forwardFeeds(config, { lanes: 1, rows, slots: Number(slots) });
  const best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < repeats; i++)
    for (const [kind, session] of sessions.entries()) {
      const started = performance.now();
      await session.run(feeds, ['topToken']);
      best[kind] = Math.min(best[kind], performance.now() - started);
    }
  if (rows === 1) first.push(...best);
  const cells = best.map((ms, kind) => `${ms.toFixed(1)} ms (${(ms / first[kind]).toFixed(2)}x)`);
  console.log(String(rows).padStart(4), cells.join('  '));
}
