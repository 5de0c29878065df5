/** Early stop as in LLaDA's and Fast-dLLM's generation code: nothing is decoded behind a block that has ended the answer. */

import type { StopRule } from './parts.ts';

/** Ends the canvas behind a finished block that holds an end token. */
export function stopAfterBlock(endIds: readonly number[]): StopRule {
  return (_committed, _predictions, canvas) => {
    const { start, end } = canvas.block;
    if (canvas.masked(start, end).length > 0) return undefined;
    return canvas.tokens.subarray(start, end).some((token) => endIds.includes(token)) ? end : undefined;
  };
}
