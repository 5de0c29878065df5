/**
 * Prompts are not read as far as another sequence holds their K/V: that of a run beside them, or of one that has ended. A row's
 * result depends on the tokens before it alone, so nothing else changes.
 */

import { type CachedPrefix, commonPrefix, type PrefixStore } from '../cache/index.ts';
import { QuickstepError } from '../errors.ts';
import type { Run } from './run.ts';

/** Fewer tokens cost less in a forward with other prompts than the rest of a prompt costs in one of its own. */
const leastTokens = 8;

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
    if (run.sequence.length > 0) return;
    const wanted = run.prompt.slice(0, -1);
    const running = others.map(({ cache, sequence, prompt }) => {
      const length = Math.min(commonPrefix(prompt, wanted), sequence.length);
      return { cache, sequence, length };
    });
    const longer = (a: CachedPrefix, b: CachedPrefix) => (b.length > a.length ? b : a);
    const kept = this.#store?.find(wanted);
    const known = kept ? [kept, ...running] : running;
    if (known.length === 0) return;
    const found = known.reduce(longer);
    if (found.length >= Math.min(leastTokens, wanted.length)) run.takeOver(found);
  }

  /** Keeps what a run has cached that leaves. */
  keep(run: Run): void {
    const { sequence } = run;
    // What was evicted or passed over left its position open.
    if (sequence.nextPosition !== sequence.length) return;
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
