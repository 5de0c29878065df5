/** Texts written one after the other, each leading to a place that says which ones may follow. */

import { QuickstepError } from '../../errors.ts';
import { isWritable } from './automaton/code-points.ts';
import { type ByteState, emptyLanguage, type Language } from './language.ts';
import { type TrieNode, trieOf } from './string-set.ts';

/** Where texts lead. */
export interface Walk<Place> {
  readonly start: Place;
  /** Texts that may come next, and where they lead. None may be empty, begin another one, or come twice. */
  next(place: Place): Iterable<readonly [text: string, after: Place]>;
  /** Fewest bytes from a place to an end, 0 where the whole may end; Infinity when there is none. */
  bytesToEnd(place: Place): number;
}

/**
 * The texts of all ways from the start of a walk to an end. A place is asked only when decoding gets there, and once.
 * @param what Names the language in errors.
 * @param walkOf Makes the walk; `canWrite` says whether the vocabulary has all characters of a text. It must leave out
 * the others.
 * @throws QuickstepError 'bad-option' on compiling when no way leads to an end; later on for a text that begins another
 */
export function walks<Place>(
  what: string,
  walkOf: (canWrite: (text: string) => boolean) => Walk<Place>,
): Language {
  return {
    compile(alphabet) {
      const walk = walkOf((text) => isWritable(text, alphabet));
      let keys = 0;

      const at = (place: Place): ByteState => {
        const shortest = walk.bytesToEnd(place);
        let texts: ByteState | undefined;
        return {
          key: keys++,
          accepts: shortest === 0,
          shortest,
          next(byte) {
            texts ??= list(place);
            return texts.next(byte);
          },
        };
      };

      /** What may follow a place, as a trie. */
      const list = (place: Place): ByteState => {
        const after = new Map<string, Place>();
        const rests = new Map<string, number>();
        for (const [text, next] of walk.next(place)) {
          const rest = walk.bytesToEnd(next);
          if (rest === Number.POSITIVE_INFINITY) continue;
          after.set(text, next);
          rests.set(text, rest);
        }
        return within(
          trieOf(after.keys(), (text) => rests.get(text)!),
          after,
        );
      };

      const within = (node: TrieNode, after: ReadonlyMap<string, Place>): ByteState => {
        const states = new Map<number, ByteState>();
        const follow = (child: TrieNode) => {
          if (child.text === undefined) return within(child, after);
          if (child.children.size === 0) return at(after.get(child.text)!);
          const hint = 'End each text with a separator.';
          throw new QuickstepError('bad-option', `${JSON.stringify(child.text)} begins another text.`, hint);
        };
        return {
          key: keys++,
          accepts: false,
          shortest: node.shortest,
          next(byte) {
            const child = node.children.get(byte);
            if (child && !states.has(byte)) states.set(byte, follow(child));
            return states.get(byte);
          },
        };
      };

      const start = at(walk.start);
      if (start.shortest === Number.POSITIVE_INFINITY) throw emptyLanguage(what);
      return start;
    },
  };
}
