/**
 * Prints one problem of each task and level, with the tokens they take on average over 2,000 training problems.
 * Run with: npx tsx tools/show-tasks.ts [folder of the tokenizer]
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { problemEncoder, problems, tasks } from '../src/tasks/index.ts';
import { tokenizerFromJson } from '../src/text/index.ts';

const folder = process.argv[2] ?? 'models/house-causal';
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const encode = problemEncoder(tokenizerFromJson(read('tokenizer.json'), read('tokenizer_config.json')));
const averaged = 2000;

for (const task of tasks.values()) {
  console.log(`## ${task.slug}: ${task.summary}\n`);
  for (const { level, description } of task.levels) {
    const source = problems(task, { split: 'train', seed: 1, level });
    let [all, answers, most] = [0, 0, 0];
    for (let index = 0; index < averaged; index++) {
      const { tokens, answerStart } = encode(source.at(index));
      all += tokens.length;
      answers += tokens.length - answerStart;
      most = Math.max(most, tokens.length);
    }
    const mean = (sum: number) => (sum / averaged).toFixed(1);
    const { prompt, answer } = source.at(0);
    console.log(`### Level ${level}: ${description}`);
    console.log(
      `Tokens: ${mean(all)} in all, ${mean(answers)} of them in the answer; the longest has ${most}.\n`,
    );
    console.log(`${prompt}\n<|answer|>\n${answer}\n<|eos|>\n`);
  }
}
