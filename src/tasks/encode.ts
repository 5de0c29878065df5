/** A problem as the tokens a house model is trained on: prompt, `<|answer|>`, answer, `<|eos|>`. */

import { QuickstepError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { specialTokens } from './house-tokenizer.ts';
import type { Problem } from './task.ts';

export interface EncodedProblem {
  /** Ends with the EOS token. */
  readonly tokens: Int32Array;
  /** Index of the first token after `<|answer|>`. */
  readonly answerStart: number;
}

const plain = { addSpecialTokens: false, parseSpecial: false } as const;

/** Id of a special token in a house tokenizer. */
export function specialId(tokenizer: Tokenizer, name: keyof typeof specialTokens): number {
  const [id, ...more] = tokenizer.encode(specialTokens[name], { addSpecialTokens: false });
  if (more.length === 0 && tokenizer.specialIds.has(id)) return id;
  throw new QuickstepError(
    'unsupported',
    `The tokenizer has no special token ${specialTokens[name]}.`,
    'Use the tokenizer of a house model.',
  );
}

/**
 * Encodes problems with a house tokenizer.
 * @throws QuickstepError 'unsupported' when it has not the special tokens.
 */
export function problemEncoder(tokenizer: Tokenizer): (problem: Problem) => EncodedProblem {
  const answer = specialId(tokenizer, 'answer');
  const eos = specialId(tokenizer, 'eos');
  return (problem) => {
    const prompt = tokenizer.encode(problem.prompt, plain);
    const tokens = [...prompt, answer, ...tokenizer.encode(problem.answer, plain), eos];
    return { tokens: Int32Array.from(tokens), answerStart: prompt.length + 1 };
  };
}
