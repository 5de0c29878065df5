/**
 * Fine-tunes house-draft to draft for house-causal with each loss of the paper, from the same weights on the same answers
 * in the same order; proofs/house/drafts.ts then measures the models.
 *   npx tsx proofs/house/draft-losses.ts [--out runs] [--losses kl,tvd] [--steps 200] [--rate 2e-4] [--threads 2]
 * Runs go on where they were stopped. Model `<out>/draft-<loss>/model`.
 */

import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type DistillationLoss, distillationLosses } from '../../src/train/distillation.ts';
import { alignedRecipe } from '../../src/train/recipes/house-draft-aligned.ts';
import { trainRecipe } from '../../src/train/train-recipe.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs' },
    losses: { type: 'string', default: distillationLosses.join(',') },
    steps: { type: 'string', default: '200' },
    rate: { type: 'string', default: '2e-4' },
    threads: { type: 'string', default: '2' },
  },
});

let answers: string | undefined;
for (const loss of values.losses.split(',') as DistillationLoss[]) {
  const slug = `draft-${loss.replaceAll('+', 'plus')}`;
  const folder = join(values.out, slug);
  await mkdir(folder, { recursive: true });
  // The answers depend on target and seed alone.
  if (answers) await copyFile(answers, join(folder, 'answers.jsonl'));
  const recipe = alignedRecipe({
    slug,
    title: slug,
    summary: slug,
    draft: 'house-draft',
    target: 'house-causal',
    loss,
    learningRate: Number(values.rate),
  });
  const { log, model } = await trainRecipe(recipe, {
    folder,
    steps: Number(values.steps),
    threads: Number(values.threads),
    onStep: ({ step, loss: value, metrics, seconds }) => {
      if (step % 10 === 0)
        console.log(
          `${slug} ${step}: ${value.toFixed(4)}, acceptance ${metrics.acceptance.toFixed(4)}, ${seconds.toFixed(1)} s`,
        );
    },
  });
  answers = join(folder, 'answers.jsonl');
  const mean = (part: typeof log) =>
    part.reduce((sum, { metrics }) => sum + metrics.acceptance, 0) / part.length;
  console.log(
    `${model}: acceptance ${mean(log.slice(0, 10)).toFixed(4)} -> ${mean(log.slice(-10)).toFixed(4)}`,
  );
}
