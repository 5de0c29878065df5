/**
 * What a constraint does to a canvas: house-diffusion on its tasks, free and under the form of each answer, with one token
 * a step, by a threshold, and sampled at temperature 1.5. Free decoding with blocks of one position commits from left to right as well, so that it
 * tells what the order costs and what the masks do.
 *
 *   npx tsx proofs/constrained/diffusion.ts [--tasks sudoku,countdown,json] [--samples 50] [--seed 1] [--threads 1]
 */

import { parseArgs } from 'node:util';
import { templateLanguage } from '../../src/decode/constrained/index.ts';
import { type GenerateOptions, generate } from '../../src/decode/generate.ts';
import { load } from '../../src/models/load.ts';
import { evaluationPrompt, findTask, testProblems } from '../../src/tasks/index.ts';
import type { Problem } from '../../src/tasks/task.ts';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: 'sudoku,countdown,json' },
    samples: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
  },
});
const [samples, seed, threads] = [values.samples, values.seed, values.threads].map(Number);

const text = '"[^"]+"';
const value = `(?:${text}|\\d+|true|false|null|\\[${text}(?:,${text})*\\])`;

/** The form of a problem's answer, as the prompt tells it. */
const forms: Record<string, (problem: Problem) => { form: string; template?: string }> = {
  sudoku: ({ prompt }) => {
    const grid = prompt.slice(prompt.indexOf('\n') + 1);
    return { form: grid.replaceAll('.', '[1-4]'), template: grid.replaceAll('.', '[1|2|3|4]') };
  },
  countdown: () => ({ form: '\\d+[-+*/]\\d+=\\d+(?:\\n\\d+[-+*/]\\d+=\\d+)*' }),
  json: ({ prompt }) => {
    const fields = prompt.slice(prompt.indexOf('JSON: ') + 6).split(', ');
    return { form: `\\{${fields.map((field) => `"${field}":${value}`).join(',')}\\}` };
  },
};

const rules: Record<string, GenerateOptions> = {
  'one a step': {},
  'threshold 0.9': { methodOptions: { threshold: 0.9 } },
  'one a step, sampled': { temperature: 1.5 },
};

await using model = await load('house-diffusion', { threads });
const percent = (part: number, whole: number) =>
  whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(0)}%`;
const wide = (cells: readonly string[], widths: readonly number[]) =>
  cells.map((cell, i) => cell.padEnd(widths[i])).join('');
const widths = [11, 21, 20, 10, 10, 20, 10];

console.log(wide(['task', 'rule', 'decoding', 'of form', 'right', 'right of the form', 'forwards'], widths));
for (const task of values.tasks.split(',')) {
  const formOf = forms[task];
  const problems = testProblems(findTask(task), { seed, level: 2 });
  for (const [rule, options] of Object.entries(rules)) {
    const arms: Record<string, (form: string, template?: string) => GenerateOptions | undefined> = {
      free: () => ({}),
      'free, left to right': () =>
        rule.startsWith('one') ? { methodOptions: { blockLength: 1 } } : undefined,
      constrained: (form) => ({ regex: form }),
      template: (_, template) => (template ? { constraint: templateLanguage(template) } : undefined),
    };
    for (const [label, armOf] of Object.entries(arms)) {
      const counts = { asked: 0, valid: 0, right: 0, rightOfForm: 0, forwards: 0 };
      for (let i = 0; i < samples; i++) {
        const problem = problems.at(i);
        const { form, template } = formOf(problem);
        const arm = armOf(form, template);
        if (!arm) break;
        const given = { maxTokens: 48, seed: seed + i, ...options, ...arm };
        const { text: answer, forwards } = await generate(model, evaluationPrompt(model, [], problem), given)
          .result;
        const isValid = new RegExp(`^(?:${form})$`, 'u').test(answer);
        const isRight = findTask(task).check(problem, answer);
        counts.asked++;
        counts.valid += Number(isValid);
        counts.right += Number(isRight);
        counts.rightOfForm += Number(isValid && isRight);
        counts.forwards += forwards;
      }
      const { asked, valid, right, rightOfForm, forwards } = counts;
      if (asked === 0) continue;
      const shares = [percent(valid, asked), percent(right, asked), percent(rightOfForm, valid)];
      console.log(wide([task, rule, label, ...shares, (forwards / asked).toFixed(1)], widths));
    }
  }
}
