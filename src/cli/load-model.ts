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
  router: z.string().min(1).optional().meta({
    value: 'id',
    description:
      'Model of the same tokenizer that judges steps, for methods that ask one; house-router for house-causal.',
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

/** Models that run beside the one that answers, for methods that take them. The caller disposes them. */
export class Companions implements AsyncDisposable {
  readonly draft: LanguageModel | undefined;
  readonly router: LanguageModel | undefined;

  constructor(draft: LanguageModel | undefined, router: LanguageModel | undefined) {
    this.draft = draft;
    this.router = router;
  }

  /** Those that a method takes, as options of `generate`. */
  of(method: Method): { draft?: LanguageModel; router?: LanguageModel } {
    return {
      draft: method.draft ? this.draft : undefined,
      router: method.router ? this.router : undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.draft?.[Symbol.asyncDispose]();
    await this.router?.[Symbol.asyncDispose]();
  }
}

const companionNames = { draft: 'draft model', router: 'router' } as const;

/**
 * Loads the models that methods take beside the one that answers: those that were named, or those known for the model.
 * @throws QuickstepError 'bad-option' when one is named and none takes it; as `load`; the signal's reason when aborted.
 */
export async function loadCompanions(
  methods: readonly Method[],
  { model, draft, router, ...options }: z.output<typeof modelOptions>,
  signal: AbortSignal,
  quiet: boolean,
): Promise<Companions> {
  const loadOne = async (role: keyof typeof companionNames, named: string | undefined) => {
    const id = named ?? knownModel(model)?.[role];
    if (id !== undefined && methods.some((method) => method[role]))
      return loadModel({ ...options, model: id }, signal, quiet);
    if (named === undefined) return undefined;
    const slugs = methods.map(({ slug }) => slug).join(', ');
    const taking = role === 'draft' ? 'draft-alignment' : 'arbitrage';
    const hint = `Leave --${role} out, or use --method ${taking}.`;
    throw new QuickstepError('bad-option', `No ${companionNames[role]} is used by ${slugs}.`, hint);
  };
  const first = await loadOne('draft', draft);
  try {
    return new Companions(first, await loadOne('router', router));
  } catch (error) {
    await first?.[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Loads a model for a command.
 * @param quiet show no progress unless standard error is a terminal
 * @throws QuickstepError as `load`; the signal's reason when aborted.
 */
export async function loadModel(
  { model, precision, threads }: Omit<z.output<typeof modelOptions>, 'draft' | 'router'>,
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
