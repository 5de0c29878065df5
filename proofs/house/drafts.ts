/**
 * Draft models for house-causal on problems of the test split: tokens of the answers for each forward of house-causal
 * (block efficiency, at most draftTokens + 1), task by task over all levels.
 *   npx tsx proofs/house/drafts.ts [--drafts house-draft,runs/x/model] [--samples 20] [--seed 7] [--lengths 3,5]
 *     [--widths 1] [--temperatures 0,1] [--accept match,resample] [--json]
 * Greedy answers and matched ones are compared with those without drafts; exit code 1 when one differs.
 */

import { parseArgs } from 'node:util';
import type { GenerateOptions } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';
import { evaluate, tasks, testProblems } from '../../src/tasks/index.ts';

const { values } = parseArgs({
  options: {
    drafts: { type: 'string', default: 'house-draft' },
    samples: { type: 'string', default: '20' },
    seed: { type: 'string', default: '7' },
    lengths: { type: 'string', default: '3,5' },
    widths: { type: 'string', default: '1' },
    temperatures: { type: 'string', default: '0,1' },
    accept: { type: 'string', default: 'match,resample' },
    json: { type: 'boolean', default: false },
  },
});
const [samples, seed] = [Number(values.samples), Number(values.seed)];
const numbers = (list: string) => list.split(',').map(Number);

await using target = await load('house-causal');

interface Counts {
  tokens: number;
  forwards: number;
  draftForwards: number;
  drafted: number;
  accepted: number;
}

/** Counts by task, and the answers. */
async function decode(options: GenerateOptions) {
  const answers: (readonly number[])[] = [];
  const byTask = new Map<string, Counts>();
  for (const task of tasks.values()) {
    const counts = { tokens: 0, forwards: 0, draftForwards: 0, drafted: 0, accepted: 0 };
    for (const { level } of task.levels) {
      await evaluate(target, testProblems(task, { seed, level }), {
        ...options,
        // Runs of one seed share the random number of a place: other levels get others.
        seed: 100 * seed + level,
        samples,
        batch: Math.min(samples, 25),
        onBatch: (_, solved) => {
          for (const { result } of solved) {
            answers.push(result.tokens);
            counts.tokens += result.tokens.length;
            counts.forwards += result.forwards;
            counts.draftForwards += result.statistics.draftForwards;
            counts.drafted += result.statistics.drafted;
            counts.accepted += result.statistics.accepted;
          }
        },
      });
    }
    byTask.set(task.slug, counts);
  }
  return { answers, byTask };
}

const sumOf = (all: Iterable<Counts>, key: keyof Counts) =>
  [...all].reduce((sum, counts) => sum + counts[key], 0);
const efficiency = (all: readonly Counts[]) => sumOf(all, 'tokens') / sumOf(all, 'forwards');
const pad = (text: string) => text.padStart(15);
const report = (line: string) => values.json || console.log(line);

report(`${'draft'.padEnd(40)}${[...tasks.keys(), 'all'].map(pad).join('')}   accepted  same`);
let differs = false;
const rows: object[] = [];
for (const temperature of numbers(values.temperatures)) {
  const plain = await decode({ temperature });
  for (const id of values.drafts.split(',')) {
    await using draft = await load(id);
    const rules = temperature === 0 ? ['match'] : values.accept.split(',');
    for (const accept of rules) {
      for (const width of numbers(values.widths)) {
        for (const draftTokens of numbers(values.lengths)) {
          const methodOptions = { draftTokens, width, accept, length: 'fixed' };
          const { answers, byTask } = await decode({
            method: 'draft-alignment',
            methodOptions,
            temperature,
            draft,
          });
          const counts = [...byTask.values()];
          const same = answers.filter((answer, i) => answer.join() === plain.answers[i].join()).length;
          if (accept === 'match' && same < answers.length) differs = true;
          const name = `${id.split('/').slice(-2).join('/')} T=${temperature} ${accept} ${draftTokens}x${width}`;
          const figures = [...counts.map((c) => efficiency([c])), efficiency(counts)];
          const share = sumOf(counts, 'accepted') / sumOf(counts, 'drafted');
          report(
            `${name.padEnd(40)}${figures.map((x) => pad(x.toFixed(2))).join('')}   ${(100 * share).toFixed(1).padStart(7)}%  ${same} of ${answers.length}`,
          );
          rows.push({
            draft: id,
            temperature,
            ...methodOptions,
            byTask: Object.fromEntries(byTask),
            same,
            answers: answers.length,
          });
        }
      }
    }
  }
}
if (values.json) console.log(JSON.stringify(rows, null, 1));
process.exitCode = differs ? 1 : 0;
