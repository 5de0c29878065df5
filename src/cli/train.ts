/** `quickstep train`: runs a recipe, in a folder where it can be stopped and goes on. */

import { join } from 'node:path';
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { curveName } from '../train/curve.ts';
import type { Recipe } from '../train/recipe.ts';
import { findRecipe, recipes } from '../train/recipes/registry.ts';
import { defaultSmokeSteps, lossChange } from '../train/smoke.ts';
import { type RunStart, type TrainedRecipe, trainRecipe } from '../train/train-recipe.ts';
import type { TrainingStep } from '../train/trainer.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, outputColumns, printJson, printLines } from './command.ts';
import { describeFailure } from './failure.ts';
import { kebabCase } from './flags.ts';
import { lazyProgress, modelOptions } from './load-model.ts';
import { formatLoss, lossChart } from './loss-chart.ts';
import { createProgress, formatDuration } from './progress.ts';
import { tableLines } from './table.ts';

const trainOptions = z.strictObject({
  out: z.string().min(1).optional().meta({
    value: 'folder',
    description: 'Where checkpoint, log, curve and model are kept; runs/<recipe> without it.',
  }),
  steps: z.int().min(1).max(1_000_000).optional().describe("Number of updates; the recipe's without it."),
  seed: z.int().optional().describe("Seed of weights and examples; the recipe's without it."),
  smoke: z
    .boolean()
    .default(false)
    .describe('A short run, in runs/<recipe>-smoke; it fails when the loss does not fall.'),
  threads: modelOptions.shape.threads,
  saveEvery: z.int().min(1).default(200).describe('Steps between checkpoints.'),
});

type TrainOptions = z.output<typeof trainOptions>;

export const trainCommand: Command = {
  name: 'train',
  usage: 'train [recipe]',
  title: 'make a model from a recipe',
  summary:
    'Trains the model of a recipe; without one it lists them. A recipe is a built-in one or the path of a module that exports one. The same recipe, seed and number of steps give the same model. Ctrl-C saves a checkpoint; the same command goes on from there, also after a crash.',
  examples: [
    'train',
    'train house-causal',
    'train house-causal --smoke',
    'train ./my-recipe.mjs --out runs/mine --seed 7',
  ],
  groups: () => [{ title: 'Options', schema: trainOptions }, commonGroup],
  run: runTrain,
};

function listRecipes(json: boolean): void {
  const all = [...recipes.values()].map(({ slug, title, summary, seed }) => ({ slug, title, summary, seed }));
  const head = [{ title: 'recipe' }, { title: 'summary', flexible: true }];
  const rows = all.map(({ slug, summary }) => [slug, summary]);
  if (json) printJson(all);
  else printLines(tableLines(head, rows, outputColumns()));
}

/** The command line that goes on with a run. */
function commandLine(recipe: string, args: ParsedArgs): string {
  const quote = (text: string) => (/^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const flags = Object.entries(args.given(trainOptions)).map(([key, value]) =>
    value === true ? `--${kebabCase(key)}` : `--${kebabCase(key)} ${quote(String(value))}`,
  );
  return ['quickstep train', quote(recipe), ...flags].join(' ');
}

async function runTrain(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json } = args.values(commonOptions);
  const options = args.values(trainOptions);
  const [name, ...more] = args.positionals;
  if (name === undefined) return listRecipes(json);
  if (more.length > 0)
    throw new QuickstepError(
      'bad-option',
      '"train" takes one recipe.',
      'For instance: quickstep train house-causal.',
    );
  const recipe = await findRecipe(name);
  const folder = options.out ?? join('runs', options.smoke ? `${recipe.slug}-smoke` : recipe.slug);
  const log: TrainingStep[] = [];
  try {
    const trained = await trainWithProgress(recipe, folder, options, { json, signal, log });
    const smoke = options.smoke ? lossChange(trained.log) : undefined;
    if (json) printJson({ ...summary(trained), ...(smoke && { smoke }) });
    else printLines(trainedLines(trained, folder));
    if (smoke) checkSmoke(trained, smoke);
  } catch (error) {
    if (signal.aborted) {
      // Only the signal's own reason goes without saying.
      if (QuickstepError.isInstance(error)) process.stderr.write(describeFailure(error, false));
      const done = log.length === 0 ? 'before the first step' : `after step ${log[log.length - 1].step}`;
      process.stderr.write(`Stopped ${done}. To go on:\n  ${commandLine(name, args)}\n`);
      if (!json) printLines(chartLines(log));
    }
    throw error;
  }
}

/** Trains, and collects the steps in `log`. */
async function trainWithProgress(
  recipe: Recipe,
  folder: string,
  { steps, seed, smoke, threads, saveEvery }: TrainOptions,
  { json, signal, log }: { json: boolean; signal: AbortSignal; log: TrainingStep[] },
): Promise<TrainedRecipe> {
  const quiet = json && !process.stderr.isTTY;
  const answering = lazyProgress(`${recipe.slug}, training data`, { quiet, unit: 'answers' });
  const progress = createProgress(process.stderr, recipe.slug, { unit: 'steps', quiet });
  try {
    return await trainRecipe(recipe, {
      folder,
      seed,
      steps: steps ?? (smoke ? (recipe.smokeSteps ?? defaultSmokeSteps) : undefined),
      again: smoke,
      saveEvery,
      threads,
      signal,
      onAnswers: (done, total) => answering.update(done, total),
      onStart(start) {
        answering.done();
        log.push(...start.log);
        if (!quiet) announce(start, folder);
        // Remaining time is reckoned from here: steps done before took no time of this run's.
        if (start.done < start.steps) progress.update(start.done, start.steps);
      },
      onStep(step) {
        log.push(step);
        progress.update(step.step, step.steps, `loss ${formatLoss(step.loss)}`);
      },
    });
  } finally {
    answering.done();
    progress.done();
  }
}

function announce({ done, steps }: RunStart, folder: string): void {
  if (done === steps) process.stderr.write(`The run in ${folder} is finished; its model is written again.\n`);
  else if (done > 0) process.stderr.write(`Going on after step ${done} of ${steps}, from ${folder}.\n`);
}

function summary({ recipe, seed, steps, log, model }: TrainedRecipe) {
  return {
    recipe,
    seed,
    steps,
    firstLoss: log.at(0)?.loss ?? null,
    lastLoss: log.at(-1)?.loss ?? null,
    seconds: log.reduce((sum, step) => sum + step.seconds, 0),
    model,
  };
}

function chartLines(log: readonly TrainingStep[]): string[] {
  const losses = log.map(({ loss }) => loss);
  return lossChart(losses, log.at(-1)?.step ?? 0, outputColumns());
}

function trainedLines(trained: TrainedRecipe, folder: string): string[] {
  const { recipe, seed, steps, firstLoss, lastLoss, seconds, model } = summary(trained);
  const losses =
    firstLoss === null || lastLoss === null
      ? ''
      : `, loss ${formatLoss(firstLoss)} to ${formatLoss(lastLoss)}`;
  return [
    `${recipe}, seed ${seed}: ${steps} steps in ${formatDuration(seconds)}${losses}`,
    ...chartLines(trained.log),
    `model  ${model}`,
    `curve  ${join(folder, curveName)}`,
  ];
}

function checkSmoke({ recipe, log }: TrainedRecipe, { first, last, fell }: ReturnType<typeof lossChange>) {
  if (fell) return;
  throw new QuickstepError(
    'no-progress',
    `The loss of ${recipe} did not fall in ${log.length} steps: ${formatLoss(first)} at first, ${formatLoss(last)} at last.`,
    'Check the objective, the gradients and the learning rate.',
  );
}
