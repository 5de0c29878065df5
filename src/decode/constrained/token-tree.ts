/** What token after token leads to, kept for every beginning that was asked about: beams, drafts and draws each find their own. */

interface Node<T> {
  readonly value: T;
  readonly next: Map<number, Node<T>>;
}

export class TokenTree<T> {
  readonly #root: Node<T>;
  readonly #advance: (value: T, token: number) => T;

  /** @param start What no tokens lead to. */
  constructor(start: T, advance: (value: T, token: number) => T) {
    this.#root = { value: start, next: new Map() };
    this.#advance = advance;
  }

  at(tokens: ArrayLike<number>): T {
    let node = this.#root;
    for (let i = 0; i < tokens.length; i++) {
      let child = node.next.get(tokens[i]);
      if (!child) {
        child = { value: this.#advance(node.value, tokens[i]), next: new Map() };
        node.next.set(tokens[i], child);
      }
      node = child;
    }
    return node.value;
  }
}
