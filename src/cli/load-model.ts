/** Loading a model with progress in the terminal: first its files, when they must be fetched, then its layers. */

import { z } from 'zod';
import type { Method } from '../decode/method.ts';
import { QuickstepError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { precisions } from '../models/linear.ts';
import { load } from '../models/load.ts';
import { DEFAULT_MODEL, knownModel } from '../weights/known-models.ts';
import type { PullProgress } from '../weights/pull.ts';
import { createProgress, type Progress, type ProgressOptions } from './progress.ts';

export const modelOptions = z.strictObject({
  model: z
    .string()
    .min(1)
    .default(DEFAULT_MODEL)
    .meta({ value: 'id', description: 'Model id, alias or path; it is fetched on first use.' }),
  precision: z
    .enum(precisions)
    .default('w8a8')
    .describe(
      'Format the weights are computed in: float32, 8-bit weights and activations, or 4-bit weights.',
    ),
  draft: z.string().min(1).optional().meta({
    value: 'id',
    description:
      'Smaller model of the same tokenizer, for methods that draft with one; house-draft for house-causal.',
  }),
  threads: z.int().min(1).max(1024).optional().describe('Processor threads; one for each core without it.'),
});

/** A progress display that begins with its first report. */
export function lazyProgress(label: string, options: ProgressOptions): Progress {
  let progress: Progress | undefined;
  return {
    update(loaded, total, note) {
      progress ??= createProgress(process.stderr, label, options);
      progress.update(loaded, total, note);
    },
    done: () => progress?.done(),
  };
}

/** Reports of `pull` on a progress display. */
export function showPull(progress: Progress): (report: PullProgress) => void {
  return ({ loadedTotal, grandTotal, file }) => progress.update(loadedTotal, grandTotal, file);
}

/**
 * Loads the draft model of methods that take one: the one that was named, or the one known for the model.
 * @throws QuickstepError 'bad-option' when one is named and none takes it; as `load`; the signal's reason when aborted.
 */
export async function loadDraft(
  methods: readonly Method[],
  { model, draft, ...options }: z.output<typeof modelOptions>,
  signal: AbortSignal,
  quiet: boolean,
): Promise<LanguageModel | undefined> {
  const id = draft ?? knownModel(model)?.draft;
  if (id !== undefined && methods.some((method) => method.draft))
    return loadModel({ ...options, model: id }, signal, quiet);
  if (draft === undefined) return undefined;
  const slugs = methods.map(({ slug }) => slug).join(', ');
  const hint = 'Leave --draft out, or use --method draft-alignment.';
  throw new QuickstepError('bad-option', `No draft model is used by ${slugs}.`, hint);
}

/**
 * Loads a model for a command.
 * @param quiet show no progress unless standard error is a terminal
 * @throws QuickstepError as `load`; the signal's reason when aborted.
 */
export async function loadModel(
  { model, precision, threads }: Omit<z.output<typeof modelOptions>, 'draft'>,
  signal: AbortSignal,
  quiet: boolean,
): Promise<LanguageModel> {
  const { isTTY } = process.stderr;
  const fetching = lazyProgress(`Fetching ${model}`, { quiet: quiet && !isTTY });
  // Layers take a second or so: nothing a log should keep.
  const loading = lazyProgress(`Loading ${model}`, { unit: 'layers', quiet: !isTTY, transient: true });
  try {
    return await load(model, {
      precision,
      threads,
      signal,
      pull: { onProgress: showPull(fetching) },
      onProgress: (done, total) => {
        fetching.done();
        loading.update(done, total);
      },
    });
  } finally {
    fetching.done();
    loading.done();
  }
}
