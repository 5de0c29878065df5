/** The provider: models by name, loaded at their first call, each with one batch that all calls share. */

import type { ProviderV4 } from '@ai-sdk/provider';
import { ContinuousBatch, type ContinuousOptions } from '../decode/continuous.ts';
import { QuickstepError } from '../errors.ts';
import { LanguageModel } from '../models/language-model.ts';
import { type LoadOptions, load } from '../models/load.ts';
import { knownModel, resolveModelId } from '../weights/known-models.ts';
import { QuickstepModel } from './model.ts';

export interface QuickstepProviderOptions
  extends Pick<LoadOptions, 'precision' | 'threads' | 'providers' | 'pull'>,
    ContinuousOptions {}

/** Calling it, with an id, an alias or a path, or with a model that is loaded, gives a model for the AI SDK. */
export interface QuickstepProvider extends ProviderV4, AsyncDisposable {
  (model: string | LanguageModel): QuickstepModel;
  languageModel(model: string | LanguageModel): QuickstepModel;
  /** Frees the models it has loaded. One that was given stays its giver's. */
  close(): Promise<void>;
}

function noModel(kind: string): never {
  const hint = 'Use another provider for it.';
  throw new QuickstepError('unsupported', `Quickstep has no ${kind} for the AI SDK.`, hint);
}

/**
 * Makes a provider.
 * @example const { text } = await generateText({ model: createQuickstep()('house-causal'), prompt: 'Sort: 3 1 2' });
 */
export function createQuickstep(options: QuickstepProviderOptions = {}): QuickstepProvider {
  const { maxRunning, prefixBytes, ...loading } = options;
  const sharing = { maxRunning, prefixBytes };
  const batches = new Map<string, Promise<ContinuousBatch>>();
  const given = new WeakMap<LanguageModel, ContinuousBatch>();

  const batch = (name: string): Promise<ContinuousBatch> => {
    const id = resolveModelId(name);
    let found = batches.get(id);
    if (!found) {
      found = load(id, loading).then((model) => new ContinuousBatch(model, sharing));
      batches.set(id, found);
      // The next call tries again.
      found.catch(() => batches.delete(id));
    }
    return found;
  };
  const draft = async (name: string) => {
    const id = knownModel(name)?.draft;
    return id === undefined ? undefined : (await batch(id)).model;
  };

  const languageModel = (model: string | LanguageModel): QuickstepModel => {
    if (!(model instanceof LanguageModel)) return new QuickstepModel(model, { batch, draft });
    const own = given.get(model) ?? new ContinuousBatch(model, sharing);
    given.set(model, own);
    return new QuickstepModel(model.id, { batch: async () => own, draft });
  };
  const close = async () => {
    const settled = await Promise.allSettled(batches.values());
    const loaded = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    batches.clear();
    // A model may draft in another's batch.
    for (const one of loaded) await one.close();
    for (const { model } of loaded) await model[Symbol.asyncDispose]();
  };
  return Object.assign((model: string | LanguageModel) => languageModel(model), {
    specificationVersion: 'v4' as const,
    languageModel,
    embeddingModel: () => noModel('embedding model'),
    imageModel: () => noModel('image model'),
    close,
    [Symbol.asyncDispose]: close,
  });
}

/** A provider with all defaults. */
export const quickstep: QuickstepProvider = createQuickstep();
