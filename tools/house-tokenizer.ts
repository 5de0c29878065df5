/**
 * Writes the tokenizer of the house models, which is made from the tasks' training problems.
 * Run with: npx tsx tools/house-tokenizer.ts [folder …]; the default is models/house-causal. A model depends on
 * its tokenizer: write it anew only before training anew.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { houseTokenizerFiles } from '../src/tasks/house-tokenizer.ts';

const folders = process.argv.length > 2 ? process.argv.slice(2) : ['models/house-causal'];
const { tokenizer, config } = houseTokenizerFiles();
for (const folder of folders) {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer, null, 1)}\n`);
  await writeFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 1)}\n`);
  console.log(`${folder}: ${Object.keys(tokenizer.model.vocab).length} tokens`);
}
