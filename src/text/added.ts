/**
 * Cuts text at added tokens (`<|im_end|>`, `<think>`), the longest at each place, before anything else sees
 * it. Rules and options (single_word, lstrip, rstrip) are those of Hugging Face `tokenizers`.
 */
import type { AddedToken } from './schema.ts';

interface TrieNode {
  readonly next: Map<number, TrieNode>;
  token?: AddedToken;
}

const space = /\p{White_Space}/u;
const wordAtStart = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const wordAtEnd = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;

/** Finds added tokens in O(text length x longest token). */
export class AddedTokenSplitter {
  readonly #root: TrieNode = { next: new Map() };

  /** @param tokens the tokens with the text each is found as. */
  constructor(tokens: readonly { readonly found: string; readonly token: AddedToken }[]) {
    for (const { found, token } of tokens) {
      let node = this.#root;
      for (let i = 0; i < found.length; i++) {
        const unit = found.charCodeAt(i);
        let child = node.next.get(unit);
        if (!child) {
          child = { next: new Map() };
          node.next.set(unit, child);
        }
        node = child;
      }
      if (found) node.token = token;
    }
  }

  /** Stretches of text and ids of added tokens, in order; special ones stay text unless `parseSpecial`. */
  split(text: string, parseSpecial: boolean): (string | number)[] {
    if (this.#root.next.size === 0) return text ? [text] : [];
    const parts: (string | number)[] = [];
    let done = 0;
    for (let at = 0; at < text.length; ) {
      const match = this.#longestAt(text, at);
      if (!match) {
        at++;
        continue;
      }
      const { token, end } = match;
      if ((token.special && !parseSpecial) || (token.single_word && !standsAlone(text, at, end))) {
        at = end;
        continue;
      }
      let from = at;
      let to = end;
      if (token.lstrip) while (from > done && space.test(text[from - 1])) from--;
      if (token.rstrip) while (to < text.length && space.test(text[to])) to++;
      if (done < from) parts.push(text.slice(done, from));
      parts.push(token.id);
      done = to;
      at = Math.max(end, to);
    }
    if (done < text.length) parts.push(text.slice(done));
    return parts;
  }

  #longestAt(text: string, at: number): { token: AddedToken; end: number } | undefined {
    let node: TrieNode | undefined = this.#root.next.get(text.charCodeAt(at));
    let match: { token: AddedToken; end: number } | undefined;
    for (let end = at + 1; node; end++) {
      if (node.token) match = { token: node.token, end };
      node = end < text.length ? node.next.get(text.charCodeAt(end)) : undefined;
    }
    return match;
  }
}

/** Whether no word character touches text[start, end). */
function standsAlone(text: string, start: number, end: number): boolean {
  // Two UTF-16 units hold any one character.
  return (
    !wordAtEnd.test(text.slice(Math.max(0, start - 2), start)) && !wordAtStart.test(text.slice(end, end + 2))
  );
}
