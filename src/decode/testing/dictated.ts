/** A model that wants to say what it is told to. Test support; not part of the package. */

import type { KvCache } from '../../cache/index.ts';
import type { Scores } from '../../models/forward.ts';
import type { LanguageModel } from '../../models/language-model.ts';

/** Logits are moved by more than any model is sure of. */
const insistence = 100;

/**
 * Makes a model's forwards favour a text, token by token from the end of each prompt, then its end token; whatever chooses from
 * the logits still has its say. For methods that draft one chain
 * at most.
 * @returns undoes it
 */
export function dictate(model: LanguageModel, text: string): () => void {
  const script = [...model.tokenizer.encode(text, { addSpecialTokens: false }), model.eosIds[0]];
  const prompts = new WeakMap<KvCache, number>();
  const forwardLanes: LanguageModel['forwardLanes'] = async (lanes, options) => {
    const places = lanes.map(({ cache, groups: [{ sequence, tokens, scored }] }) => {
      // A prompt whose beginning another has read is cached before its first forward.
      if (!prompts.has(cache)) prompts.set(cache, sequence.length + tokens.length);
      return sequence.length + (scored[0] ?? 0) + 1 - prompts.get(cache)!;
    });
    const forwards = await Object.getPrototypeOf(model).forwardLanes.call(model, lanes, options);
    return forwards.map((forward: (typeof forwards)[number], lane: number) => ({
      ...forward,
      scores: forward.scores.map((scores: Scores) => ({
        topToken: (index: number) => scores.topToken(index),
        topLogProb: (index: number) => scores.topLogProb(index),
        logits(index: number) {
          const logits = scores.logits(index);
          logits[script[Math.min(places[lane] + index, script.length - 1)]] += insistence;
          return logits;
        },
      })),
    }));
  };
  Object.defineProperty(model, 'forwardLanes', { value: forwardLanes, configurable: true });
  return () => void Reflect.deleteProperty(model, 'forwardLanes');
}
