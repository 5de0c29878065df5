/** Values by key, made when first asked for; the least recently used go first. */
export class Recent<K, V> {
  readonly #most: number;
  readonly #values = new Map<K, V>();

  /** @param most Values kept. */
  constructor(most: number) {
    this.#most = most;
  }

  of(key: K, make: () => V): V {
    const value = this.#values.get(key) ?? make();
    // A map keeps the order in which its keys were set.
    this.#values.delete(key);
    this.#values.set(key, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#most) this.#values.delete(oldest);
    return value;
  }
}
