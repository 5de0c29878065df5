/**
 * Loads small checkpoints without a tokenizer and runs token lists through them in chunks. Test support; not part
 * of the package.
 */

import type { KvCache, Sequence } from '../../cache/index.ts';
import { Program } from '../../graph/index.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { type Checkpoint, openCheckpoint } from '../../weights/checkpoint.ts';
import { type LlamaConfig, parseLlamaConfig } from '../config.ts';
import { attentionCapabilities, LanguageModel } from '../language-model.ts';
import { buildLlama, type LlamaOptions } from '../llama.ts';

/** Tests speak in ids. */
const noText: Tokenizer = {
  vocabSize: 0,
  bosId: undefined,
  eosIds: [],
  specialIds: new Set(),
  encode: () => [],
  decode: () => '',
  bytes: () => new Uint8Array(),
  piece: () => '',
};

async function withCheckpoint<T>(
  path: string,
  use: (checkpoint: Checkpoint, config: LlamaConfig) => Promise<T>,
  entries: Record<string, unknown> = {},
) {
  const checkpoint = await openCheckpoint(path);
  try {
    return await use(checkpoint, parseLlamaConfig({ ...checkpoint.config, ...entries }));
  } finally {
    await checkpoint.close();
  }
}

export interface TinyOptions extends LlamaOptions {
  threads?: number;
  /** Entries of config.json in place of the checkpoint's own. */
  config?: Record<string, unknown>;
}

/** The model at `path`; dispose it. */
export function loadTiny(path: string, options: TinyOptions): Promise<LanguageModel> {
  const load = async (checkpoint: Checkpoint, config: LlamaConfig) => {
    const program = await Program.load(await buildLlama(config, checkpoint, options), {
      threads: options.threads,
    });
    return new LanguageModel({
      id: path,
      config,
      program,
      precision: options.precision,
      tokenizer: noText,
      chatTemplate: undefined,
      eosIds: [],
      capabilities: new Set(attentionCapabilities(config)),
    });
  };
  return withCheckpoint(path, load, options.config);
}

/** The bare program at `path`, for inputs and outputs that LanguageModel does not have; dispose it. */
export function loadProgram(
  path: string,
  options: LlamaOptions,
): Promise<{ program: Program; config: LlamaConfig }> {
  return withCheckpoint(path, async (checkpoint, config) => ({
    program: await Program.load(await buildLlama(config, checkpoint, options)),
    config,
  }));
}

/** 0, 1, ..., count - 1. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Runs and commits `ids` in chunks; returns the logits of every row, [ids.length][vocab]. */
export async function prefill(
  model: LanguageModel,
  cache: KvCache,
  sequence: Sequence,
  ids: readonly number[],
  chunk = ids.length,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (let start = 0; start < ids.length; start += chunk) {
    const tokens = ids.slice(start, start + chunk);
    const all = range(tokens.length);
    const { scores, newRows } = await model.forward(cache, [{ sequence, tokens, scored: all }], {
      logits: true,
    });
    for (const row of all) rows.push(scores[0].logits(row).slice());
    cache.commit(sequence, newRows, all);
  }
  return rows;
}

/** Logits of every row of a fresh sequence. */
export function logitsOf(
  model: LanguageModel,
  ids: readonly number[],
  chunk = ids.length,
): Promise<Float32Array[]> {
  const cache = model.newCache();
  return prefill(model, cache, cache.slots.createSequence(), ids, chunk);
}

/** Greedy continuation of a prompt, one token a forward. */
export async function greedyIds(
  model: LanguageModel,
  prompt: readonly number[],
  steps: number,
): Promise<number[]> {
  const cache = model.newCache();
  const sequence = cache.slots.createSequence();
  const ids: number[] = [];
  let tokens = [...prompt];
  while (ids.length < steps) {
    const group = { sequence, tokens, scored: [tokens.length - 1] };
    const { scores, newRows } = await model.forward(cache, [group]);
    cache.commit(sequence, newRows, range(tokens.length));
    tokens = [scores[0].topToken(0)];
    ids.push(tokens[0]);
  }
  return ids;
}

/** Largest |a - b|. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
