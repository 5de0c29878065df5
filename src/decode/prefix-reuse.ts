/**
 * Prompts are not read as far as another sequence holds their K/V: that of a run beside them, or of one that has ended. A row's
 * result depends on the tokens before it alone, so nothing else changes.
 */

import { type CachedPrefix, commonPrefix, type PrefixStore, type Sequence } from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import type { Run } from './run.ts';

/** Fewer tokens cost less in a forward with other prompts than the rest of a prompt costs in one of its own. */
const leastTokens = 8;

/** Nothing was evicted or passed over: each token is at its position. */
const isWhole = ({ nextPosition, length }: Sequence) => nextPosition === length;

export class PrefixReuse {
  #store: PrefixStore | undefined;

  constructor(store: PrefixStore) {
    this.#store = store;
  }

  /**
   * Lets a run begin behind what is known of its prompt; the last token is left, for its scores.
   * @param others Runs that cache their tokens as they are, each at its position.
   */
  begin(run: Run, others: readonly Run[]): void {
    const wanted = run.prompt.slice(0, -1);
    let found: CachedPrefix | undefined = this.#store?.find(wanted);
    for (const { cache, sequence, prompt } of others) {
      if (!isWhole(sequence)) continue;
      const length = Math.min(commonPrefix(prompt, wanted), sequence.length);
      if (length > (found?.length ?? 0)) found = { cache, sequence, length };
    }
    if (found && found.length >= Math.min(leastTokens, wanted.length)) run.takeOver(found);
  }

  /** One of the runs is reading what a prompt begins with, and enough of it is still to be read. */
  isReading(prompt: readonly number[], runs: readonly Run[]): boolean {
    return runs.some((run) => {
      const shared = Math.min(commonPrefix(run.prompt, prompt), prompt.length - 1, run.prompt.length - 1);
      return shared - run.sequence.nextPosition >= leastTokens;
    });
  }

  /** Keeps what a run has cached that leaves. */
  keep(run: Run): void {
    if (!isWhole(run.sequence)) return;
    // Of several answers, the sequence need not hold the one that was chosen.
    const tokens = run.answers ? run.prompt : run.tokens();
    try {
      this.#store?.keep(tokens, run);
    } catch (error) {
      if (!QuickstepError.isInstance(error) || error.code !== 'out-of-memory') throw error;
      // The answers are worth more than what later ones save.
      this.#store = undefined;
    }
  }
}
