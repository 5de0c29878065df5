/** Texts in a row, each listed only when those before it are known. */

import { QuickstepError } from '../../errors.ts';
import { utf8 } from '../../text/bytes.ts';
import type { Language } from './language.ts';
import { walks } from './walk.ts';

/** What the texts of a chain are. Both functions are asked about beginnings of chains, from the empty one on. */
export interface Growth {
  /** Texts that may come next. None may be empty or begin another one: end them with a separator. */
  next(chain: readonly string[]): Iterable<string>;
  /** Whether the chain may be all. */
  mayEnd(chain: readonly string[]): boolean;
}

/** Chains looked at to find the end of one. */
const maxChains = 1_000;

/**
 * The chains that a growth describes. Lists are asked for along the chains that are decoded, and ahead of them until
 * one is found that ends; where that is much, `walks` takes a function that knows how far an end is.
 * @throws QuickstepError 'bad-option' on compiling when no chain ends, or none is found; later on for a list in which
 * one text begins another
 */
export function growingStrings({ next, mayEnd }: Growth): Language {
  return walks<readonly string[]>('The growing set of texts', (canWrite) => {
    const listed = (chain: readonly string[]) =>
      [...next(chain)].filter((text) => text !== '' && canWrite(text));
    return {
      start: [],
      next: (chain) => listed(chain).map((text) => [text, [...chain, text]] as const),
      /** Nearest chains first (Dijkstra 1959). */
      bytesToEnd(chain) {
        const open = [{ chain, bytes: 0 }];
        for (let looked = 0; open.length > 0; looked++) {
          const nearest = open.reduce((best, { bytes }, i) => (bytes < open[best].bytes ? i : best), 0);
          const [here] = open.splice(nearest, 1);
          if (mayEnd(here.chain)) return here.bytes;
          if (looked > maxChains) {
            const hint = 'Let more chains end.';
            throw new QuickstepError(
              'bad-option',
              'The growing set has chains whose end is not found.',
              hint,
            );
          }
          for (const text of listed(here.chain)) {
            open.push({ chain: [...here.chain, text], bytes: here.bytes + utf8(text).length });
          }
        }
        return Number.POSITIVE_INFINITY;
      },
    };
  });
}
