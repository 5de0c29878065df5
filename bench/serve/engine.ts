/** The engine without a server: how fast it answers as many requests as there are clients. */

import { ContinuousBatch } from '../../src/decode/continuous.ts';
import { generateBatch } from '../../src/decode/generate.ts';
import type { LanguageModel } from '../../src/models/language-model.ts';
import { firstLength, promptOf, question } from './clients.ts';
import { type Measured, measured } from './measured.ts';

const { maxTokens, ignoreEos } = question;

/** What is asked of the engine. */
export interface Asking {
  readonly model: LanguageModel;
  readonly clients: number;
  readonly seconds: number;
  /** The prompts are. */
  readonly alike: boolean;
}

/** One batch after the other, whose answers begin and end together. */
export function batches({ model, clients, seconds, alike }: Asking): Promise<Measured> {
  return measured(async () => {
    const end = performance.now() + seconds * 1000;
    let tokens = 0;
    let asked = 0;
    while (performance.now() < end) {
      const prompts = Array.from({ length: clients }, () => promptOf(asked++, alike));
      await generateBatch(model, prompts, { maxTokens, ignoreEos }).result;
      tokens += clients * maxTokens;
    }
    return tokens;
  });
}

/**
 * Readers who ask the loop of the server again as soon as they are answered.
 * @param staggered Their first answers are of all lengths, so that from then on one ends at nearly every forward; otherwise
 * all begin and end together.
 */
export async function readers(
  { model, clients, seconds, alike }: Asking,
  staggered: boolean,
): Promise<Measured> {
  const batch = new ContinuousBatch(model, { maxRunning: clients });
  try {
    return await measured(async () => {
      const end = performance.now() + seconds * 1000;
      let tokens = 0;
      let asked = 0;
      const read = async (reader: number): Promise<void> => {
        let limit = staggered ? firstLength(reader, clients) : maxTokens;
        for (;;) {
          for await (const { committed } of batch.generate(promptOf(asked++, alike), {
            maxTokens: limit,
            ignoreEos,
          })) {
            if (performance.now() > end) return;
            tokens += committed.length;
          }
          limit = maxTokens;
        }
      };
      await Promise.all(Array.from({ length: clients }, (_, reader) => read(reader)));
      return tokens;
    });
  } finally {
    await batch.close();
  }
}
