/** `quickstep prove`: a paper's claim as an experiment, on problems of anyone's seed. */

import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import type { Measurement, Proof } from '../proofs/proof.ts';
import { defaultProofBatch, defaultProofSamples, prove, type Verdict } from '../proofs/prove.ts';
import { proofs } from '../proofs/registry.ts';
import { measurementJson } from '../tasks/measure.ts';
import type { ParsedArgs } from './args.ts';
import { type Command, commonGroup, commonOptions, outputColumns, printJson, printLines } from './command.ts';
import { loadModel, modelOptions } from './load-model.ts';
import { createProgress } from './progress.ts';
import { measurementLines, verdictLines } from './prove-report.ts';
import { didYouMean } from './suggest.ts';
import { tableLines } from './table.ts';

const proveOptions = z.strictObject({
  samples: z
    .int()
    .min(1)
    .max(100_000)
    .default(defaultProofSamples)
    .describe('Problems of each task; more of them narrow the intervals.'),
  seed: z
    .int()
    .default(0)
    .describe('Which problems; any seed is unseen, as nothing is trained on test problems.'),
  batch: z.int().min(1).max(1024).default(defaultProofBatch).describe('Problems decoded at once.'),
  training: z
    .boolean()
    .default(false)
    .describe('Ask training problems: for choosing the settings of a proof, which it then fixes.'),
  model: modelOptions.shape.model
    .unwrap()
    .optional()
    .meta({ value: 'id', description: 'Another model than the one that the proof is made for.' }),
  precision: modelOptions.shape.precision,
  threads: modelOptions.shape.threads,
});

export const proveCommand: Command = {
  name: 'prove',
  usage: 'prove [paper]',
  title: "a paper's claim as an experiment",
  summary:
    'Runs the experiment of a paper at the scale of the house models: its method and its baseline on the same unseen problems, in one run. Without a paper it lists the proofs. Exit code 1 when the claim does not hold. Ctrl-C stops and prints what is known by then.',
  examples: [
    'prove',
    'prove freedave',
    'prove prophet --seed 42 --samples 500',
    'prove ccd --samples 50 --json',
  ],
  groups: () => [{ title: 'Options', schema: proveOptions }, commonGroup],
  run: runProve,
};

function listProofs(json: boolean): void {
  const all = [...proofs.values()];
  if (json) {
    printJson(
      all.map(({ slug, claim, threshold, model, tasks }) => ({ slug, claim, threshold, model, tasks })),
    );
    return;
  }
  const head = [{ title: 'paper' }, { title: 'bar', right: true }, { title: 'claim', flexible: true }];
  const rows = all.map(({ slug, claim, threshold }) => [slug, `${threshold}x`, claim]);
  printLines(tableLines(head, rows, outputColumns()));
}

function proofNamed([slug, ...more]: readonly string[]): Proof {
  if (more.length > 0)
    throw new QuickstepError(
      'bad-option',
      '"prove" takes one paper.',
      'For instance: quickstep prove freedave.',
    );
  const proof = proofs.get(slug);
  if (proof) return proof;
  const hint = didYouMean(slug, proofs.keys(), `Proofs: ${[...proofs.keys()].join(', ')}.`);
  throw new QuickstepError('bad-option', `There is no proof of ${JSON.stringify(slug)}.`, hint);
}

async function runProve(args: ParsedArgs, signal: AbortSignal): Promise<void> {
  const { json } = args.values(commonOptions);
  if (args.positionals.length === 0) return listProofs(json);
  const proof = proofNamed(args.positionals);
  const { model: id = proof.model, precision, threads, training, ...asked } = args.values(proveOptions);
  await using model = await loadModel({ model: id, precision, threads }, signal, json);
  const progress = createProgress(process.stderr, proof.slug, {
    unit: 'problems',
    quiet: json && !process.stderr.isTTY,
  });
  let known: readonly Measurement[] = [];
  let verdict: Verdict;
  try {
    verdict = await prove(proof, model, {
      ...asked,
      split: training ? 'train' : 'test',
      signal,
      onProgress: (finished, problems, label) => progress.update(finished, problems, label),
      onBatch: (soFar) => {
        known = soFar;
      },
    });
  } catch (error) {
    progress.done();
    if (signal.aborted) printStopped(known, json);
    throw error;
  }
  progress.done();
  if (json) {
    const { measurements, ...rest } = verdict;
    printJson({ ...rest, measurements: measurements.map((one) => measurementJson(one, measurements[0])) });
  } else printLines(verdictLines(verdict, outputColumns()));
  if (!verdict.holds) {
    throw new QuickstepError(
      'not-proven',
      `The claim of ${proof.slug} does not hold on these problems.`,
      'More --samples narrow the intervals; another --seed draws other problems.',
    );
  }
}

function printStopped(known: readonly Measurement[], json: boolean): void {
  const problems = known[0]?.tasks.reduce((sum, { outcomes }) => sum + outcomes.length, 0) ?? 0;
  process.stderr.write(`Stopped after ${problems} problems; nothing is proven.\n`);
  if (problems === 0) return;
  if (json) printJson({ measurements: known.map((one) => measurementJson(one, known[0])) });
  else printLines(measurementLines(known, outputColumns()));
}
