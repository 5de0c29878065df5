/** Answers of several prompts and choices at once: whole, or as chunks in the order in which they come. */

import type { Generation, Prompt, Result } from '../../decode/generate.ts';
import type { CommittedToken, FinishReason, Step } from '../../decode/step.ts';
import type { Ready } from '../decoding.ts';

/** Of an answer that was not cut off by a tool call. */
export const finishReason = (finish: FinishReason): 'stop' | 'length' =>
  finish === 'length' || finish === 'context' ? 'length' : 'stop';

/** Starts `n` answers for each prompt; the choices of a prompt follow each other. */
export function startAll(ready: Ready, prompts: readonly Prompt[], n: number, signal: AbortSignal) {
  return prompts.flatMap((prompt) => ready.start(prompt, signal, n));
}

/** What was said of an answer since the last event about it; the next one tells it all, when it is written. */
export class Pieces {
  #text = '';
  #tokens: CommittedToken[] = [];
  readonly #send: (event: () => object) => Promise<void>;
  readonly #eventOf: (text: string, tokens: readonly CommittedToken[]) => object;

  constructor(
    send: (event: () => object) => Promise<void>,
    eventOf: (text: string, tokens: readonly CommittedToken[]) => object,
  ) {
    this.#send = send;
    this.#eventOf = eventOf;
  }

  /** A promise where an event begins, to wait for a slow reader. */
  add(text: string, tokens: readonly CommittedToken[]): Promise<void> | undefined {
    const begun = this.#text !== '' || this.#tokens.length > 0;
    this.#text += text;
    this.#tokens.push(...tokens);
    const more = text !== '' || tokens.length > 0;
    return more && !begun ? this.#send(() => this.#take()) : undefined;
  }

  #take(): object {
    const event = this.#eventOf(this.#text, this.#tokens);
    this.#text = '';
    this.#tokens = [];
    return event;
  }
}

/** Reads all answers side by side; the first failure ends them, as `abort` must see to. */
export async function readAll(
  generations: readonly Generation<Result>[],
  onStep: (index: number, step: Step) => Promise<void> | undefined | void,
  abort: (reason: unknown) => void,
): Promise<Result[]> {
  const reading = generations.map(async (generation, index) => {
    for await (const step of generation) {
      const sending = onStep(index, step);
      if (sending) await sending;
    }
    return generation.result;
  });
  try {
    return await Promise.all(reading);
  } catch (error) {
    abort(error);
    await Promise.allSettled(reading);
    throw error;
  }
}

/** Token counts of all answers, and what only this engine knows. A prompt is counted once, however many its choices. */
export function usageOf(ready: Ready, results: readonly Result[], n: number) {
  const sum = (count: (result: Result) => number) => results.reduce((total, r) => total + count(r), 0);
  const promptTokens = sum(({ promptTokens }) => promptTokens) / n;
  const completionTokens = sum(({ tokens }) => tokens.length);
  // The first choice of a prompt reads it; the others take it over.
  const cachedTokens = results.reduce(
    (total, one, i) => total + (i % n === 0 ? one.statistics.kvReused : 0),
    0,
  );
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    quickstep: {
      method: ready.method,
      seed: ready.options.seed,
      steps: sum(({ steps }) => steps),
      forwards: sum(({ forwards }) => forwards),
      drafted: sum(({ statistics }) => statistics.drafted),
      accepted: sum(({ statistics }) => statistics.accepted),
      first_token_seconds: Math.max(...results.map(({ firstTokenSeconds }) => firstTokenSeconds)),
      seconds: Math.max(...results.map(({ seconds }) => seconds)),
    },
  };
}
