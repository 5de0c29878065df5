/**
 * Stages that move logits without removing tokens: bias, bans, penalties, temperature. All work in place.
 * Repetition penalty as in CTRL (Keskar et al. 2019) and Hugging Face transformers; frequency and presence
 * penalties and the logit bias as in the OpenAI API.
 * Ids outside the row (a tokenizer larger than the output head) are skipped, except in a bias, where they are a mistake.
 */
import { QuickstepError } from '../../errors.ts';

const banThreshold = -100;

/**
 * Adds `bias` to the logits; -100 and below bans the token.
 * @param bias pairs of token id and bias in logits
 * @throws QuickstepError `bad-option` when an id is outside the vocabulary
 */
export function addBias(logits: Float32Array, bias: readonly (readonly [number, number])[]): void {
  for (const [id, value] of bias) {
    if (id >= logits.length) {
      throw new QuickstepError(
        'bad-option',
        `logitBias names token ${id}, but the model has ${logits.length} tokens.`,
        'Token ids depend on the model; encode the text with its own tokenizer.',
      );
    }
    if (value <= banThreshold) logits[id] = Number.NEGATIVE_INFINITY;
    else logits[id] += value;
  }
}

/** Rules the tokens out. */
export function ban(logits: Float32Array, ids: ArrayLike<number>): void {
  for (let index = 0; index < ids.length; index++) {
    if (ids[index] < logits.length) logits[ids[index]] = Number.NEGATIVE_INFINITY;
  }
}

/** Divides positive logits by `penalty` and multiplies negative ones, once per distinct token. */
export function penalizeRepetition(logits: Float32Array, seen: ReadonlySet<number>, penalty: number): void {
  for (const id of seen) {
    if (id < logits.length) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
  }
}

/** Subtracts `count * frequency + presence` from the logit of each counted token. */
export function penalizeFrequency(
  logits: Float32Array,
  counts: ReadonlyMap<number, number>,
  frequency: number,
  presence: number,
): void {
  for (const [id, count] of counts) {
    if (id < logits.length) logits[id] -= count * frequency + presence;
  }
}

/**
 * Divides by the temperature. The maximum is subtracted first, which no softmax can tell,
 * so that a temperature close to 0 does not overflow.
 * @param temperature above 0
 */
export function divideByTemperature(logits: Float32Array, temperature: number): void {
  let max = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if (logits[id] > max) max = logits[id];
  for (let id = 0; id < logits.length; id++) logits[id] = (logits[id] - max) / temperature;
}

/** The ids among the last `window` of prompt followed by output. */
export function seenTokens(
  prompt: ArrayLike<number>,
  generated: ArrayLike<number>,
  window: number,
): Set<number> {
  const seen = new Set<number>();
  const fromPrompt = Math.max(0, prompt.length - Math.max(0, window - generated.length));
  for (let index = fromPrompt; index < prompt.length; index++) seen.add(prompt[index]);
  for (let index = Math.max(0, generated.length - window); index < generated.length; index++) {
    seen.add(generated[index]);
  }
  return seen;
}

/** How often each id occurs among the last `window` generated tokens. */
export function countTokens(generated: ArrayLike<number>, window: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let index = Math.max(0, generated.length - window); index < generated.length; index++) {
    counts.set(generated[index], (counts.get(generated[index]) ?? 0) + 1);
  }
  return counts;
}
