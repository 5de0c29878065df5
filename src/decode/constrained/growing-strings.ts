/** Texts in a row, each listed only when those before it are known: walks through a graph, say. */

import { QuickstepError } from '../../errors.ts';
import { utf8 } from '../../text/bytes.ts';
import { type ByteState, emptyLanguage, type Language } from './language.ts';
import { type TrieNode, trieOf, writable } from './string-set.ts';

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
 * one is found that ends.
 * @throws QuickstepError 'bad-option' on compiling when no chain ends, or none is found; later on for a list in which
 * one text begins another
 */
export function growingStrings({ next, mayEnd }: Growth): Language {
  return {
    compile(alphabet) {
      let keys = 0;
      const listed = (chain: readonly string[]) =>
        [...next(chain)].filter((text) => text !== '' && writable(text, alphabet));

      /** Fewest bytes from a chain to an end, nearest chains first (Dijkstra 1959); Infinity when there is none. */
      const bytesToEnd = (chain: readonly string[]): number => {
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
      };

      /** What may follow a chain, as a trie. */
      const growthOf = (chain: readonly string[]): TrieNode => {
        const rests = new Map(listed(chain).map((text) => [text, bytesToEnd([...chain, text])]));
        const ending = [...rests.keys()].filter((text) => rests.get(text)! < Number.POSITIVE_INFINITY);
        return trieOf(ending, (text) => rests.get(text)!);
      };

      const within = (node: TrieNode, chain: readonly string[], accepts: boolean): ByteState => {
        const states = new Map<number, ByteState>();
        const follow = (child: TrieNode) => {
          if (child.text === undefined) return within(child, chain, false);
          if (child.children.size === 0) return behind([...chain, child.text]);
          const hint = 'End each text with a separator.';
          throw new QuickstepError('bad-option', `${JSON.stringify(child.text)} begins another text.`, hint);
        };
        return {
          key: keys++,
          accepts,
          shortest: accepts ? 0 : node.shortest,
          next(byte) {
            const child = node.children.get(byte);
            if (child && !states.has(byte)) states.set(byte, follow(child));
            return states.get(byte);
          },
        };
      };
      const behind = (chain: readonly string[]) => within(growthOf(chain), chain, mayEnd(chain));

      const start = behind([]);
      if (start.shortest === Number.POSITIVE_INFINITY) throw emptyLanguage('The growing set of texts');
      return start;
    },
  };
}
