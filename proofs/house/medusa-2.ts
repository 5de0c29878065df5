/**
 * What training the model along with its heads brings (Medusa-2) on problems of the test split: tokens for each forward and
 * right answers, of house-causal with heads that were never trained, with those of house-medusa, of house-medusa-2, and
 * of other runs of joint training.
 *   npx tsx proofs/house/medusa-2.ts [--joint house-medusa-2,runs/x/model] [--nodes 64] [--samples 20] [--seed 7]
 * A folder of joint training holds the model and its heads.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { saveHeadFile } from '../../src/models/draft-heads/disk.ts';
import { openHeadFile } from '../../src/models/draft-heads/file.ts';
import { medusaFacts, medusaShapes } from '../../src/models/draft-heads/medusa.ts';
import { load } from '../../src/models/load.ts';
import { evaluate, testProblems } from '../../src/tasks/index.ts';
import { learnedTasks } from './block-efficiency.ts';

const { values } = parseArgs({
  options: {
    joint: { type: 'string', default: 'house-medusa-2' },
    nodes: { type: 'string', default: '64' },
    samples: { type: 'string', default: '20' },
    seed: { type: 'string', default: '7' },
  },
});
const [nodes, samples, seed] = [values.nodes, values.samples, values.seed].map(Number);

const folder = await mkdtemp(join(tmpdir(), 'quickstep-untrained-'));
try {
  await using model = await load('house-causal');
  const files = { facts: medusaFacts, shapes: medusaShapes };
  const { facts, weights } = await openHeadFile('house-medusa', 'medusa', model, files);
  const zeros = new Map([...weights].map(([name, { length }]) => [name, new Float32Array(length)]));
  await saveHeadFile(folder, facts, medusaShapes(facts), zeros);
  const systems = [
    { label: 'untrained heads', model: 'house-causal', heads: folder },
    { label: 'house-medusa', model: 'house-causal', heads: 'house-medusa' },
    ...values.joint.split(',').map((id) => ({ label: id, model: id, heads: id })),
  ];
  console.log(`${'heads'.padEnd(32)}  tokens a forward  right`);
  for (const { label, model: id, heads } of systems) {
    await using answering = await load(id);
    const sum = { tokens: 0, forwards: 0, correct: 0, samples: 0 };
    for (const task of learnedTasks) {
      for (const { level } of task.levels) {
        const part = await evaluate(answering, testProblems(task, { seed, level }), {
          method: 'medusa',
          methodOptions: { heads, lookup: false, nodes, size: 'fixed', tree: 'measured' },
          seed: 100 * seed + level,
          samples,
          batch: Math.min(samples, 25),
        });
        for (const count of ['tokens', 'forwards', 'correct', 'samples'] as const) sum[count] += part[count];
      }
    }
    const rate = (sum.tokens / sum.forwards).toFixed(3).padStart(16);
    console.log(`${label.padEnd(32)}  ${rate}  ${sum.correct} of ${sum.samples}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
