/** The models of a server: which there are, and each one's batch once it is loaded. */

import { ContinuousBatch } from '../decode/continuous.ts';
import { defaultMethod } from '../decode/method.ts';
import { findMethod } from '../decode/registry.ts';
import { parseLlamaConfig } from '../models/config.ts';
import { attentionCapabilities, type Capability, type LanguageModel } from '../models/language-model.ts';
import { type LoadOptions, load } from '../models/load.ts';
import { tokenizerOf } from '../text/load.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { knownModel, resolveModelId } from '../weights/known-models.ts';
import { listModels } from '../weights/list-models.ts';
import { pull } from '../weights/pull.ts';
import { ApiError } from './api-error.ts';

/** A model as `/api/models` tells it. */
export interface ModelFacts {
  id: string;
  alias: string | null;
  summary: string | null;
  state: 'house' | 'cached' | 'local';
  bytes: number | null;
  loaded: boolean;
  capabilities: readonly Capability[];
  contextLength: number;
  /** It has a chat template. */
  chat: boolean;
  /** Model that drafts for it when a method asks for one. */
  draft: string | null;
}

export interface ModelPoolOptions extends Pick<LoadOptions, 'precision' | 'threads'> {
  /** Ids, aliases or paths; without any, all models on this machine. */
  model: readonly string[];
  maxRunning: number;
  /** For each model, in MiB. */
  prefixCache: number;
}

type Facts = Omit<ModelFacts, 'loaded'>;

export class ModelPool implements AsyncDisposable {
  readonly #options: ModelPoolOptions;
  readonly #batches = new Map<string, Promise<ContinuousBatch>>();
  readonly #loaded = new Map<string, ContinuousBatch>();
  #facts: Promise<Map<string, Facts>> | undefined;

  constructor(options: ModelPoolOptions) {
    this.#options = options;
  }

  /** Loads the models that were named. */
  async loadNamed(): Promise<void> {
    for (const id of this.#options.model) {
      await pull(id);
      await this.batch(id);
    }
  }

  /** Every model that a request may name. */
  async list(): Promise<ModelFacts[]> {
    const facts = await this.#allFacts();
    return [...facts.values()].map((model) => ({ ...model, loaded: this.#loaded.has(model.id) }));
  }

  /** The batches of the models that are loaded. */
  get loaded(): readonly ContinuousBatch[] {
    return [...this.#loaded.values()];
  }

  /**
   * The batch of a model, loaded when it is the first time.
   * @throws ApiError 404 for a model that is not served; as `load`.
   */
  async batch(name: string): Promise<ContinuousBatch> {
    const id = resolveModelId(name);
    if (!(await this.#allFacts()).has(id)) {
      const message = `The model ${JSON.stringify(name.slice(0, 200))} is not served here; GET /v1/models lists those that are.`;
      throw new ApiError(404, 'model_not_found', message, { param: 'model' });
    }
    let batch = this.#batches.get(id);
    if (!batch) {
      batch = this.#load(id);
      this.#batches.set(id, batch);
      // Another request may try again.
      batch.catch(() => this.#batches.delete(id));
    }
    return batch;
  }

  /** The model that drafts for another with a method, undefined where the method takes none. */
  async draftFor(id: string, method: string | undefined): Promise<LanguageModel | undefined> {
    if (method === undefined || !findMethod(method).draft) return undefined;
    const draft = knownModel(id)?.draft;
    return draft === undefined ? undefined : (await this.batch(draft)).model;
  }

  async #load(id: string): Promise<ContinuousBatch> {
    const { precision, threads, maxRunning, prefixCache } = this.#options;
    const prefixBytes = prefixCache * 1024 * 1024;
    const batch = new ContinuousBatch(await load(id, { precision, threads }), { maxRunning, prefixBytes });
    this.#loaded.set(id, batch);
    return batch;
  }

  #allFacts(): Promise<Map<string, Facts>> {
    this.#facts ??= this.#readFacts();
    this.#facts.catch(() => {
      this.#facts = undefined;
    });
    return this.#facts;
  }

  async #readFacts(): Promise<Map<string, Facts>> {
    const here = (await listModels()).filter(({ path }) => path !== null);
    const named = this.#options.model.map(resolveModelId);
    const drafts = named.flatMap((id) => knownModel(id)?.draft ?? []);
    const ids = named.length > 0 ? [...new Set([...named, ...drafts])] : here.map(({ id }) => id);
    const facts = new Map<string, Facts>();
    for (const id of ids) {
      const entry = here.find((model) => model.id === id);
      const path = entry?.path ?? (await pull(id));
      // A folder of weights that is no language model, such as a filter's, is nothing to serve.
      const read = await readCheckpoint(path).catch(() => undefined);
      if (!read) continue;
      const { alias = null, summary = null, bytes = null } = entry ?? {};
      const state = entry && entry.state !== 'not here' ? entry.state : 'local';
      facts.set(id, { id, alias, summary, state, bytes, ...read, draft: knownModel(id)?.draft ?? null });
    }
    return facts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const settled = await Promise.allSettled(this.#batches.values());
    const batches = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    // A model may draft in another's batch.
    for (const batch of batches) await batch.close();
    for (const { model } of batches) await model[Symbol.asyncDispose]();
  }
}

async function readCheckpoint(path: string): Promise<Pick<Facts, 'capabilities' | 'contextLength' | 'chat'>> {
  const checkpoint = await openCheckpoint(path);
  try {
    const config = parseLlamaConfig(checkpoint.config);
    const { chatTemplate } = tokenizerOf(checkpoint.tokenizer!, checkpoint.generationConfig);
    return {
      capabilities: attentionCapabilities(config),
      contextLength: config.contextLength,
      chat: chatTemplate !== undefined,
    };
  } finally {
    await checkpoint.close();
  }
}

/** Slug of the method that a request runs. */
export function methodOf(model: LanguageModel, method: string | undefined, temperature = 0): string {
  return method ?? defaultMethod(model.capabilities, temperature);
}
