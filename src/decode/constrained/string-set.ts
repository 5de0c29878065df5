/** One of a set of texts, as a trie over their bytes. */

import { utf8 } from '../../text/bytes.ts';
import { isWritable } from './automaton/code-points.ts';
import { type ByteState, emptyLanguage, type Language } from './language.ts';

export interface TrieNode {
  readonly children: Map<number, TrieNode>;
  /** The text that ends here. */
  text?: string;
  /** Fewest bytes to the end of a text and of what must follow it. */
  shortest: number;
}

const newNode = (): TrieNode => ({ children: new Map(), shortest: Number.POSITIVE_INFINITY });

/** @param costOf Fewest bytes that must follow a text. */
export function trieOf(texts: Iterable<string>, costOf: (text: string) => number): TrieNode {
  const root = newNode();
  for (const text of texts) {
    const cost = costOf(text);
    const bytes = utf8(text);
    let node = root;
    node.shortest = Math.min(node.shortest, bytes.length + cost);
    for (const [index, byte] of bytes.entries()) {
      let child = node.children.get(byte);
      if (!child) {
        child = newNode();
        node.children.set(byte, child);
      }
      node = child;
      node.shortest = Math.min(node.shortest, bytes.length - index - 1 + cost);
    }
    node.text = text;
  }
  return root;
}

/**
 * One of the given texts.
 * @throws QuickstepError 'bad-option' when there is none
 */
export function stringSet(texts: Iterable<string>): Language {
  const all = [...new Set(texts)];
  if (all.length === 0) throw emptyLanguage('The set of texts');
  return {
    compile(alphabet) {
      const known = all.filter((text) => isWritable(text, alphabet));
      if (known.length === 0) throw emptyLanguage('The set of texts');
      let keys = 0;
      const stateOf = (node: TrieNode): ByteState => {
        const next = new Map<number, ByteState>();
        return {
          key: keys++,
          accepts: node.text !== undefined,
          shortest: node.shortest,
          next(byte) {
            const child = node.children.get(byte);
            if (child && !next.has(byte)) next.set(byte, stateOf(child));
            return next.get(byte);
          },
        };
      };
      return stateOf(trieOf(known, () => 0));
    },
  };
}
