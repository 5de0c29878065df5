/**
 * Draft models for house-causal on problems of the test split: tokens of the answers for each forward of house-causal
 * (block efficiency, at most draftTokens + 1), task by task over all levels.
 *   npx tsx proofs/house/drafts.ts [--drafts house-draft,runs/x/model] [--samples 20] [--seed 7] [--lengths 3,5]
 *     [--widths 1] [--temperatures 0,1] [--accept match,resample] [--json]
 * Greedy answers and matched ones are compared with those without drafts; exit code 1 when one differs.
 */

import { parseArgs } from 'node:util';
import type { Result } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';
import { answersByTask, blockEfficiency, costOf, learnedTasks } from './block-efficiency.ts';

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

const problems = { samples, seed };
const efficiencyOf = (results: readonly Result[]) => blockEfficiency(results.map(costOf));

/** Sum of a counter over answers. */
function total(results: readonly Result[], key: 'drafted' | 'accepted' | 'draftForwards'): number {
  return results.reduce((sum, { statistics }) => sum + statistics[key], 0);
}

const pad = (text: string) => text.padStart(15);
const report = (line: string) => values.json || console.log(line);

report(
  `${'draft'.padEnd(40)}${[...learnedTasks.map(({ slug }) => slug), 'all'].map(pad).join('')}   accepted  same`,
);
let differs = false;
const rows: object[] = [];
for (const temperature of numbers(values.temperatures)) {
  const plain = [...(await answersByTask(target, problems, { temperature })).values()].flat();
  for (const id of values.drafts.split(',')) {
    await using draft = await load(id);
    const rules = temperature === 0 ? ['match'] : values.accept.split(',');
    for (const accept of rules) {
      for (const width of numbers(values.widths)) {
        for (const draftTokens of numbers(values.lengths)) {
          const methodOptions = { draftTokens, width, accept, length: 'fixed' };
          const byTask = await answersByTask(target, problems, {
            method: 'draft-alignment',
            methodOptions,
            temperature,
            draft,
          });
          const answers = [...byTask.values()].flat();
          const same = answers.filter(({ tokens }, i) => tokens.join() === plain[i].tokens.join()).length;
          if (accept === 'match' && same < answers.length) differs = true;
          const name = `${id.split('/').slice(-2).join('/')} T=${temperature} ${accept} ${draftTokens}x${width}`;
          const figures = [...[...byTask.values()].map(efficiencyOf), efficiencyOf(answers)];
          const share = total(answers, 'accepted') / total(answers, 'drafted');
          report(
            `${name.padEnd(40)}${figures.map((x) => pad(x.toFixed(2))).join('')}   ${(100 * share).toFixed(1).padStart(7)}%  ${same} of ${answers.length}`,
          );
          rows.push({
            draft: id,
            temperature,
            ...methodOptions,
            byTask: Object.fromEntries(
              [...byTask].map(([task, results]) => [
                task,
                {
                  tokens: results.reduce((sum, { tokens }) => sum + tokens.length, 0),
                  forwards: results.reduce((sum, { forwards }) => sum + forwards, 0),
                  draftForwards: total(results, 'draftForwards'),
                  drafted: total(results, 'drafted'),
                  accepted: total(results, 'accepted'),
                },
              ]),
            ),
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
